import { IncomingMessage, ServerResponse } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';

/** An answer that was caught before the network saw it. */
export interface CapturedAnswer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

/** Takes a request and answers it. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** Runs a handler on a request whose body was read already, and catches its answer. */
export async function capture(req: IncomingMessage, body: Buffer, handler: Handler): Promise<CapturedAnswer> {
  const replayed = replay(req, body);
  const res = new CapturingResponse(replayed);
  await handler(replayed, res);
  return { status: res.statusCode, headers: { ...res.getHeaders() }, body: Buffer.concat(res.chunks) };
}

/** A second request with the same head and the given body, on the same connection. */
function replay(req: IncomingMessage, body: Buffer): IncomingMessage {
  const copy = new IncomingMessage(req.socket);
  copy.method = req.method ?? 'GET';
  copy.url = req.url ?? '/';
  copy.httpVersion = req.httpVersion;
  copy.httpVersionMajor = req.httpVersionMajor;
  copy.httpVersionMinor = req.httpVersionMinor;
  copy.headers = req.headers;
  copy.rawHeaders = req.rawHeaders;
  // Without it the copy, once read, would take the real connection down as "aborted".
  copy.complete = true;
  copy.push(body);
  copy.push(null);
  return copy;
}

/** A response without a connection: keeps what is written to it. */
class CapturingResponse extends ServerResponse {
  readonly chunks: Buffer[] = [];

  override writeHead(status: number, ...rest: unknown[]): this {
    this.statusCode = status;
    for (const headers of rest) {
      if (typeof headers !== 'object' || headers === null) continue;
      for (const [name, value] of Object.entries(headers)) this.setHeader(name, value as string);
    }
    return this;
  }

  override write(chunk: unknown): boolean {
    this.#keep(chunk);
    return true;
  }

  override end(chunk?: unknown): this {
    this.#keep(chunk);
    Object.defineProperty(this, 'writableEnded', { value: true });
    return this;
  }

  #keep(chunk: unknown): void {
    if (typeof chunk === 'string') this.chunks.push(Buffer.from(chunk));
    else if (chunk instanceof Uint8Array) this.chunks.push(Buffer.from(chunk));
  }
}
