import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import { WEB_PARTS, type WebParts } from './parts.js';

/** What operators and their machines look at. */
@Controller()
export class OperationsController {
  constructor(@Inject(WEB_PARTS) private readonly parts: WebParts) {}

  /** Whether the process is alive: restart it where this fails. */
  @Get('healthz')
  healthz(@Res() response: Response): void {
    response.json({ status: 'ok' });
  }

  /**
   * Whether to send callers here. It stays ready while the database or an authorization server is away:
   * what the replica holds goes on being served (promise P6).
   */
  @Get('readyz')
  readyz(@Res() response: Response): void {
    const { ready, checks } = this.parts.readiness();
    response.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', checks });
  }

  /** Prometheus text format. */
  @Get('metrics')
  async metrics(@Res() response: Response): Promise<void> {
    const { contentType, text } = await this.parts.metrics();
    response.setHeader('content-type', contentType);
    response.send(text);
  }
}
