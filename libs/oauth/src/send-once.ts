import type { SecureContext } from 'node:tls';
import { Client, type Dispatcher } from 'undici';
import { Secret, type RawAnswer, type SendResult } from '#libs/core';
import { objectionTo } from './allowed-url.js';
import { parseObject } from './token-response.js';
import { nameFailure } from './transport-failure.js';
import { WireGate } from './wire-gate.js';

/** One HTTP request. */
export interface OneRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What bounds it. */
export interface OneRequestLimits {
  /** The hard deadline of all of it, in milliseconds from now. */
  readonly timeoutMs: number;
  /** The largest body that is read. */
  readonly maxBytes: number;
  /** Asked right before the first byte is written; `false` means it must not be written any more. */
  readonly mayWrite: () => boolean;
  /** Which certificates are trusted; absent: Node's default (`NODE_EXTRA_CA_CERTS` included). */
  readonly secureContext?: SecureContext | undefined;
}

/** The headers that matter for judging an answer. */
const KEPT_HEADERS = ['content-type', 'date', 'retry-after', 'server'] as const;

/**
 * Sends one request on a connection of its own, without retries and without following redirects, and reads
 * the whole answer. Never throws: whether anything was written is part of the result.
 */
export async function sendOnce(request: OneRequest, limits: OneRequestLimits): Promise<SendResult> {
  const objection = objectionTo(request.url);
  if (objection !== undefined) {
    return { kind: 'notSent', code: 'url_not_allowed', description: `The endpoint's URL ${objection}` };
  }
  const url = new URL(request.url);
  const gate = new WireGate(limits.mayWrite);
  const { secureContext, timeoutMs } = limits;
  const client = new Client(url.origin, {
    connect: gate.connector({
      timeout: timeoutMs,
      keepAlive: false,
      ...(secureContext && { secureContext }),
    }),
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  try {
    const response = await client.request({
      method: request.method,
      path: url.pathname + url.search,
      headers: { ...request.headers, 'accept-encoding': 'identity' },
      body: request.body ?? null,
      signal: timeout.signal,
    });
    return await readAnswer(response, limits.maxBytes);
  } catch (error) {
    const written = gate.shut();
    if (gate.refusal === 'too_late') {
      return {
        kind: 'notSent',
        code: 'too_late',
        description: 'The time for sending was over before it began.',
      };
    }
    const failure = nameFailure(error, url.origin, timeout.signal.aborted);
    return { kind: written ? 'unanswered' : 'notSent', ...failure };
  } finally {
    clearTimeout(timer);
    gate.shut();
    // The answer is in hand, or given up on: nobody waits for the socket to close.
    void client.destroy().catch(() => undefined);
  }
}

async function readAnswer(response: Dispatcher.ResponseData, maxBytes: number): Promise<SendResult> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        const description = `The answer (HTTP ${response.statusCode}) is larger than ${maxBytes} bytes.`;
        return { kind: 'unanswered', code: 'answer_too_large', description };
      }
      chunks.push(chunk);
    }
  } catch (error) {
    // A JSON object says itself where it ends: one that is whole is an answer, whatever became of the connection.
    if (parseObject(textOf(chunks)) === undefined) throw error;
  }
  return { kind: 'answered', answer: rawAnswer(response, textOf(chunks)) };
}

function rawAnswer(response: Dispatcher.ResponseData, body: string): RawAnswer {
  // RFC 9110 section 6.6.1: where the sender gave no date, the recipient records when it came.
  const headers: Record<string, string> = { date: new Date().toUTCString() };
  for (const name of KEPT_HEADERS) {
    const value = response.headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = first;
  }
  return { status: response.statusCode, headers, body: new Secret(body) };
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
