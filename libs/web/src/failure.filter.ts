import { randomUUID } from 'node:crypto';
import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { BrokerError, isStoreUnavailable, type RefusalReason } from '#libs/core';
import { failurePage } from './pages.js';
import { WEB_PARTS, type WebParts } from './parts.js';

const STATUS: Partial<Record<RefusalReason, number>> = {
  AUTHORIZATION_SERVER_DOWN: 503,
  AUTHORIZATION_SERVER_REFUSED: 403,
  DATABASE_UNAVAILABLE: 503,
  NOT_FOUND: 404,
  STATE_CONFLICT: 409,
  SUBJECT_MISMATCH: 403,
};

/** Everything thrown becomes a page, here and nowhere else. Faults show an id that stands in the log, too. */
@Catch()
export class FailureFilter implements ExceptionFilter {
  constructor(@Inject(WEB_PARTS) private readonly parts: WebParts) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const { status, title, message } = this.explain(thrown);
    if (response.headersSent) {
      response.end();
      return;
    }
    response.status(status).type('html').send(failurePage(title, message));
  }

  private explain(thrown: unknown): { status: number; title: string; message: string } {
    if (thrown instanceof BrokerError) {
      const { reason, message } = thrown.refusal;
      return { status: STATUS[reason] ?? 400, title: 'This did not work', message };
    }
    if (isStoreUnavailable(thrown)) {
      return {
        status: 503,
        title: 'Please try again in a moment',
        message:
          'The broker cannot save anything right now, so it does not begin. Open the link again in a minute.',
      };
    }
    if (thrown instanceof HttpException) {
      const status = thrown.getStatus();
      return status === 404
        ? {
            status,
            title: 'There is nothing here',
            message: 'The address is not complete, or not one of ours.',
          }
        : {
            status,
            title: 'This did not work',
            message: 'The request was not understood. Open the link again.',
          };
    }
    const id = randomUUID();
    this.parts.events.emit({ type: 'fault', during: `web ${id}`, error: thrown });
    return {
      status: 500,
      title: 'Something went wrong',
      message: `It is our fault, and it has been noted as ${id}.`,
    };
  }
}
