import { Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { BrokerError, connectionName } from '#libs/core';
import { BrowserCookie } from './browser-cookie.js';
import { connectedPage, invitationPage } from './pages.js';
import { WEB_PARTS, type WebParts } from './parts.js';

const LONGEST_QUERY = 8_192;

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
    this.refuseOtherSites(request);
    const { redirectTo, browserCookie } = await this.parts.authorization.begin(ticket);
    this.cookie.set(response, browserCookie);
    response.redirect(303, redirectTo);
  }

  /** Takes the authorization server's answer (RFC 6749 section 4.1.2). */
  @Get('callback')
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    const query = request.url.indexOf('?');
    const search = query < 0 ? '' : request.url.slice(query);
    if (search.length > LONGEST_QUERY) {
      throw BrokerError.of('INVALID_REQUEST', 'This answer is too long to be one of an authorization server.');
    }
    const browserCookie = this.cookie.read(request);
    this.cookie.clear(response);
    const url = new URL(`${this.parts.publicUrl}/callback${search}`);
    const connection = await this.parts.authorization.complete(url, browserCookie);
    response.type('html').send(connectedPage(connectionName(connection), connection.subject));
  }

  /** Fetch metadata: only our own page, or a person, presses the button. */
  private refuseOtherSites(request: Request): void {
    const site = request.headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return;
    throw BrokerError.of('INVALID_REQUEST', 'This was sent from another page. Open the link itself and continue there.');
  }
}
