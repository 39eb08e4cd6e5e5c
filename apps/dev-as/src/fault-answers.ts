import type { ServerResponse } from 'node:http';
import type { CapturedAnswer } from './captured-exchange.js';
import type { ActiveFault, FaultKind } from './faults.js';

/** The faults that keep a request away from the authorization server. */
const NOT_PROCESSED = new Set<FaultKind>([
  'drop_request',
  'error_500_before',
  'html_502',
  'status_429',
  'status_503',
  'empty_400',
  'redirect',
  'hang',
]);

/** Whether this fault answers in the authorization server's place. */
export function replacesProcessing(kind: FaultKind): boolean {
  return NOT_PROCESSED.has(kind);
}

/** Answers in the authorization server's place. */
export function answerInstead(fault: ActiveFault, res: ServerResponse): void {
  const retryAfter =
    fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  switch (fault.kind) {
    case 'drop_request':
      res.socket?.destroy();
      break;
    case 'error_500_before':
      send(res, internalServerError());
      break;
    case 'html_502':
      send(
        res,
        text(502, 'text/html', '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>'),
      );
      break;
    case 'status_429':
      send(res, { ...text(429, 'text/plain', 'Too Many Requests'), headers: retryAfter });
      break;
    case 'status_503':
      send(res, { ...text(503, 'text/plain', 'Service Unavailable'), headers: retryAfter });
      break;
    case 'empty_400':
      send(res, { status: 400, headers: {}, body: Buffer.alloc(0) });
      break;
    case 'redirect':
      send(res, {
        status: 302,
        headers: { location: 'https://maintenance.invalid/' },
        body: Buffer.alloc(0),
      });
      break;
    default:
      // `hang`: the client has to give up by itself.
      break;
  }
}

/** Sends the authorization server's answer as the fault would have it. */
export function answerWith(
  answer: CapturedAnswer,
  fault: ActiveFault | undefined,
  res: ServerResponse,
): void {
  switch (fault?.kind) {
    case 'drop_answer':
      res.socket?.destroy();
      break;
    case 'truncate_answer':
      res.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
      res.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => res.socket?.destroy());
      break;
    case 'error_500_after':
      send(res, internalServerError());
      break;
    case 'omit_refresh_token':
      send(res, without(answer, 'refresh_token'));
      break;
    case 'omit_expires_in':
      send(res, without(answer, 'expires_in'));
      break;
    default:
      send(res, answer);
  }
}

/** Sends an answer in full. */
export function send(res: ServerResponse, answer: CapturedAnswer): void {
  if (res.destroyed) return;
  res.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  res.end(answer.body);
}

function without(answer: CapturedAnswer, field: string): CapturedAnswer {
  const parsed = parseJson(answer.body);
  if (!parsed || !(field in parsed)) return answer;
  const { [field]: _left, ...rest } = parsed;
  return { ...answer, body: Buffer.from(JSON.stringify(rest)) };
}

/** A JSON object from a body, or nothing. */
export function parseJson(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function internalServerError(): CapturedAnswer {
  return text(500, 'text/plain', 'Internal Server Error');
}

function text(status: number, type: string, body: string): CapturedAnswer {
  return { status, headers: { 'content-type': type }, body: Buffer.from(body) };
}
