import { Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { connectionName } from '#libs/core';
import { BrowserCookie } from './browser-cookie.js';
import { connectedPage, invitationPage } from './pages.js';
import { WEB_PARTS, type WebParts } from './parts.js';
import { callbackUrlOf, stateOf } from './callback-url.js';
import { refuseOtherSites } from './same-site.js';

/** The pages of the authorization code flow. They have no powers of their own: the link is the capability. */
@Controller()
export class ConnectController {
  private readonly cookie: BrowserCookie;

  constructor(@Inject(WEB_PARTS) private readonly parts: WebParts) {
    this.cookie = new BrowserCookie(parts.publicUrl);
  }

  /** Shows what the link is about. Changes nothing, so that link previews do no harm. */
  @Get('connect/:ticket')
  async invitation(@Param('ticket') ticket: string, @Res() response: Response): Promise<void> {
    const invitation = await this.parts.authorization.invitation(ticket);
    response.type('html').send(invitationPage(invitation));
  }

  /** Binds the browser, and sends it to the authorization server. */
  @Post('connect/:ticket')
  async begin(
    @Param('ticket') ticket: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    refuseOtherSites(request.headers, this.parts.publicUrl);
    const { redirectTo, browserCookie } = await this.parts.authorization.begin(ticket);
    this.cookie.set(response, new URL(redirectTo).searchParams.get('state') ?? '', browserCookie);
    response.redirect(303, redirectTo);
  }

  /** Takes the authorization server's answer (RFC 6749 section 4.1.2). */
  @Get('callback')
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    const url = callbackUrlOf(this.parts.publicUrl, request.url);
    const state = stateOf(url);
    const browserCookie = this.cookie.read(request, state);
    this.cookie.clear(response, state);
    const connection = await this.parts.authorization.complete(url, browserCookie);
    response.type('html').send(connectedPage(connectionName(connection), connection.subject));
  }
}
