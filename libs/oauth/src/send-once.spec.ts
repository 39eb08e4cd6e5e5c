import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { performance } from 'node:perf_hooks';
import { sendOnce, type OneRequestLimits } from './send-once.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const LIMITS: OneRequestLimits = { timeoutMs: 2_000, maxBytes: 64 * 1024, mayWrite: () => true };
const closers: Array<() => void> = [];

async function listening(server: Server | TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
}

/** An HTTP server, and how many requests came in on how many connections. */
async function http(
  handler: Handler,
): Promise<{ url: string; seen: { requests: number; sockets: Set<Socket> } }> {
  const seen = { requests: 0, sockets: new Set<Socket>() };
  const server = createServer((request, response) => {
    seen.requests += 1;
    seen.sockets.add(request.socket);
    request.resume().on('end', () => handler(request, response));
  });
  closers.push(() => (server.closeAllConnections(), server.close()));
  return { url: await listening(server), seen };
}

/** A bare TCP server, and what was written to it. */
async function tcp(
  onConnection: (socket: Socket) => void,
): Promise<{ url: string; seen: { bytes: number } }> {
  const seen = { bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', (data) => (seen.bytes += data.length));
    onConnection(socket);
  });
  closers.push(() => (sockets.forEach((socket) => socket.destroy()), server.close()));
  return { url: await listening(server), seen };
}

const post = (url: string, limits: Partial<OneRequestLimits> = {}) =>
  sendOnce(
    { method: 'POST', url, headers: { 'x-a': 'b' }, body: 'refresh_token=very-secret' },
    { ...LIMITS, ...limits },
  );

afterEach(() => closers.splice(0).forEach((close) => close()));

describe('answered', () => {
  it('reads the whole answer, on a connection of its own that is not kept', async () => {
    const { url, seen } = await http((request, response) => {
      response.setHeader('x-connection', request.headers.connection ?? '');
      response.writeHead(200, { 'retry-after': '1', 'set-cookie': 'a=b' }).end('{"access_token":"at"}');
    });
    for (let i = 0; i < 2; i += 1) {
      const sent = await post(url);
      if (sent.kind !== 'answered') throw new Error(sent.kind);
      expect(sent.answer.status).toBe(200);
      expect(sent.answer.body.reveal()).toBe('{"access_token":"at"}');
      expect(sent.answer.headers).toMatchObject({ 'retry-after': '1', date: expect.any(String) });
      expect(sent.answer.headers).not.toHaveProperty('set-cookie');
    }
    expect(seen.requests).toBe(2);
    expect(seen.sockets.size).toBe(2);
  });

  it('P1: follows no redirect', async () => {
    const target = await http((_request, response) => response.end('{}'));
    const { url } = await http((_request, response) =>
      response.writeHead(307, { location: target.url }).end(),
    );
    expect(await post(url)).toMatchObject({ kind: 'answered', answer: { status: 307 } });
    expect(target.seen.requests).toBe(0);
  });

  it('P3: keeps an answer that is whole, though the connection was cut before its declared end', async () => {
    const { url } = await http((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"access_token":"at"}', () => setTimeout(() => response.destroy(), 20));
    });
    expect(await post(url)).toMatchObject({ kind: 'answered' });
  });
});

describe('P1: not sent', () => {
  it('where nobody listens', async () => {
    const { url } = await http(() => undefined);
    closers.splice(0).forEach((close) => close());
    expect(await post(url)).toMatchObject({ kind: 'notSent', code: 'connection_refused' });
  });

  it('where the name is not known', async () => {
    const sent = await sendOnce(
      { method: 'POST', url: 'https://nowhere.invalid/token', headers: {} },
      LIMITS,
    );
    expect(sent).toMatchObject({ kind: 'notSent', code: 'host_not_found' });
  });

  it('where TLS does not come about', async () => {
    const { url } = await tcp((socket) => socket.end('this is not TLS\r\n'));
    const sent = await post(url.replace('http:', 'https:'));
    expect(sent).toMatchObject({ kind: 'notSent', code: 'tls_failure' });
  });

  it('where the TLS handshake hangs', async () => {
    const { url } = await tcp(() => undefined);
    const sent = await post(url.replace('http:', 'https:'), { timeoutMs: 200 });
    expect(sent).toMatchObject({ kind: 'notSent', code: expect.stringMatching(/timeout/) });
  });

  it('where the time for sending was over: the connection is made, and not a byte written', async () => {
    const { url, seen } = await tcp(() => undefined);
    const sendBy = performance.now() - 1;
    const sent = await post(url, { mayWrite: () => performance.now() <= sendBy });
    expect(sent).toMatchObject({ kind: 'notSent', code: 'too_late' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seen.bytes).toBe(0);
  });

  it.each(['http://example.com/token', 'ftp://127.0.0.1/', 'nonsense'])('to %s', async (url) => {
    expect(await post(url)).toMatchObject({ kind: 'notSent', code: 'url_not_allowed' });
  });
});

describe('P4: sent, and no whole answer', () => {
  it.each<[string, string, Handler]>([
    [
      'the connection is reset before an answer',
      'connection_cut',
      (request) => request.socket.resetAndDestroy(),
    ],
    ['the server closes without an answer', 'connection_cut', (request) => request.socket.end()],
    ['the server hangs', 'timeout', () => undefined],
    [
      'the body is cut',
      'connection_cut',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"access_token":"a', () => setTimeout(() => response.destroy(), 20));
      },
    ],
    [
      'the body drips for ever',
      'timeout',
      (_request, response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
      },
    ],
    [
      'the answer is too large',
      'answer_too_large',
      (_request, response) => response.end('x'.repeat(200_000)),
    ],
    [
      'the headers are too large',
      'malformed_answer',
      (_request, response) => response.setHeader('x', 'y'.repeat(50_000)).end(),
    ],
    ['the answer is no HTTP', 'malformed_answer', (request) => request.socket.end('SMTP 220 hello\r\n\r\n')],
  ])('%s', async (_what, code, handler) => {
    const { url, seen } = await http(handler);
    const startedAt = performance.now();
    const sent = await post(url, { timeoutMs: 400 });
    expect(sent).toMatchObject({ kind: 'unanswered', code });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(seen.requests).toBe(1);
    expect(JSON.stringify(sent)).not.toContain('very-secret');
  });

  it('headers that come in slowly count against the one deadline', async () => {
    const { url } = await tcp((socket) => {
      const drip = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(drip));
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
    });
    expect(await post(url, { timeoutMs: 300 })).toMatchObject({ kind: 'unanswered', code: 'timeout' });
  });
});
