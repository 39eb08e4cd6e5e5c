import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { capture } from './captured-exchange.js';
import type { CapturedAnswer, Handler } from './captured-exchange.js';
import { answerInstead, answerWith, parseJson, replacesProcessing } from './fault-answers.js';
import type { ActiveFault, Faults } from './faults.js';
import { BodyTooLarge, readBody, sendJson } from './http-messages.js';
import type { Ledger } from './ledger.js';
import type { OutcomeRecord } from './ledger-types.js';

/** What one exchange at a watched path goes through. */
export interface ExchangeParts {
  faults: Faults;
  ledger: Ledger;
  handler: Handler;
}

export const TOKEN_PATH = '/connect/token';

/**
 * One exchange under the eyes of the ledger and the hands of the faults. The body is read in full first:
 * from then on the refresh token in it counts as presented, whatever happens next.
 */
export async function exchange(
  parts: ExchangeParts,
  path: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  let body: Buffer;
  try {
    body = await readBody(req);
  } catch (error) {
    if (error instanceof BodyTooLarge)
      sendJson(res, 413, { error: 'invalid_request' }, { connection: 'close' });
    return;
  }
  const form = new URLSearchParams(path === TOKEN_PATH && req.method === 'POST' ? body.toString() : '');
  const clientId = clientIdOf(req, form);
  const grantType = form.get('grant_type') ?? undefined;
  const refreshToken = grantType === 'refresh_token' ? form.get('refresh_token') : null;
  const fault = parts.faults.pick({ path, grantType, clientId });

  const witness = new Witness(fault);
  if (refreshToken !== null && refreshToken !== '') {
    const presentation = parts.ledger.presented(refreshToken, clientId);
    res.once('finish', () => (witness.sent = true));
    // `close` follows `finish` too, and comes however the exchange ends.
    res.once('close', () => parts.ledger.outcome(witness.outcome(presentation, res)));
  }

  if (fault && replacesProcessing(fault.kind)) {
    answerInstead(fault, res);
    return;
  }
  if (fault?.kind === 'delay_before') await delay(fault.delayMs ?? 1000);
  witness.answer = await capture(req, body, parts.handler);
  if (fault?.kind === 'delay_after') await delay(fault.delayMs ?? 1000);
  witness.leaving = true;
  if (witness.tooLate) parts.ledger.outcome(witness.correction());
  else answerWith(witness.answer, fault, res);
}

/** Sees an exchange through, and says what became of it. */
class Witness {
  /** What the authorization server answered, once it did. */
  answer: CapturedAnswer | undefined;
  /** The answer is on its way out. */
  leaving = false;
  /** The answer was handed to the network in full. */
  sent = false;
  #closedEarly: number | undefined;

  constructor(readonly fault: ActiveFault | undefined) {}

  /** The client gave up while the request was still being processed. */
  get tooLate(): boolean {
    return this.#closedEarly !== undefined;
  }

  outcome(presentation: number, res: ServerResponse): Omit<OutcomeRecord, 'type' | 'at'> {
    if (!this.leaving) this.#closedEarly = presentation;
    const status = res.headersSent ? res.statusCode : null;
    return { ...this.#result(presentation), status, ...this.#faultKind() };
  }

  /** Said once more, now that the answer is known: the client left before it. */
  correction(): Omit<OutcomeRecord, 'type' | 'at'> {
    return { ...this.#result(this.#closedEarly ?? 0), status: null, ...this.#faultKind() };
  }

  #result(presentation: number): Pick<OutcomeRecord, 'presentation' | 'result' | 'error'> {
    if (!this.answer) return { presentation, result: 'not_processed' };
    if (this.answer.status === 200) {
      const intact = this.sent && this.fault?.kind !== 'error_500_after';
      return { presentation, result: intact ? 'granted' : 'granted_answer_lost' };
    }
    const error = parseJson(this.answer.body)?.['error'];
    return { presentation, result: 'refused', error: typeof error === 'string' ? error : 'unknown' };
  }

  #faultKind(): { fault?: string } {
    return this.fault ? { fault: this.fault.kind } : {};
  }
}

/** The client a token request names: in the Basic header (RFC 6749 §2.3.1) or in the body. */
function clientIdOf(req: IncomingMessage, form: URLSearchParams): string | undefined {
  const basic = /^Basic ([\w+/=-]+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (basic === undefined) return form.get('client_id') ?? undefined;
  const [id = ''] = Buffer.from(basic, 'base64').toString().split(':');
  return new URLSearchParams(`id=${id}`).get('id') ?? undefined;
}
