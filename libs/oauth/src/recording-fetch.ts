import type { CustomFetch } from 'openid-client';
import type { SecureContext } from 'node:tls';
import type { SendResult } from '#libs/core';
import { sendOnce } from './send-once.js';

/** An answer is a few kilobytes; more than this is not read. */
const LARGEST_ANSWER = 64 * 1024;

/** Discovery documents and key sets are larger. */
const LARGEST_DOCUMENT = 512 * 1024;

const METHODS = { GET: 'GET', POST: 'POST' } as const;

/** Bounds of what goes over a {@link RecordingFetch}. */
export interface RecordingLimits {
  readonly timeoutMs: number;
  readonly mayWrite?: () => boolean;
  readonly secureContext?: SecureContext | undefined;
}

/**
 * The `fetch` that openid-client builds its requests for. It carries out one request, the first, and
 * remembers how that went: what the library thinks of the answer afterwards cannot undo it (promise P3), and
 * what the library would like to try again is not tried (promise P1).
 */
export class RecordingFetch {
  private recorded: SendResult | undefined;
  private used = false;

  constructor(private readonly limits: RecordingLimits) {}

  /** How the request went; `undefined` where openid-client never got as far as sending it. */
  get result(): SendResult | undefined {
    return this.recorded;
  }

  readonly fetch: CustomFetch = async (url, { method, headers, body }) => {
    if (this.used) throw new Error('one request only');
    this.used = true;
    const known = METHODS[method as keyof typeof METHODS];
    if (known === undefined) throw new Error(`${method} is not a method that is used here`);
    const { timeoutMs, mayWrite = () => true, secureContext } = this.limits;
    const result = await sendOnce(
      { method: known, url, headers, ...(body == null ? {} : { body: formOf(body) }) },
      { timeoutMs, mayWrite, secureContext, maxBytes: known === 'GET' ? LARGEST_DOCUMENT : LARGEST_ANSWER },
    );
    this.recorded = result;
    if (result.kind !== 'answered') throw new Error(result.code);
    const { status, headers: answered, body: text } = result.answer;
    return responseOf(status, answered, text.reveal());
  };
}

function formOf(body: unknown): string {
  if (typeof body === 'string') return body;
  if (
    body instanceof URLSearchParams ||
    Object.prototype.toString.call(body) === '[object URLSearchParams]'
  ) {
    return String(body);
  }
  throw new Error('only forms are sent');
}

/** `Response` refuses some statuses, and bodies for others. */
function responseOf(status: number, headers: Readonly<Record<string, string>>, body: string): Response {
  const allowed = status >= 200 && status <= 599 ? status : 502;
  const bodyless = allowed === 204 || allowed === 205 || allowed === 304;
  return new Response(bodyless ? null : body, { status: allowed, headers: { ...headers } });
}
