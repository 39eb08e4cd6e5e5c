import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fingerprint } from '../../../apps/dev-as/src/index.js';
import { DatabaseProxy } from './database-proxy.js';
import { ExchangeProxy, type SeenExchange } from './exchange-proxy.js';

const BODY = 'grant_type=refresh_token&refresh_token=secret-1';
const REQUEST = `POST /connect/token HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const OTHER = 'GET /.well-known/openid-configuration HTTP/1.1\r\nhost: x\r\n\r\n';
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789`;

let server: Server;
let received: string[];
let answers: (said: string, socket: Socket) => void;
const sockets = new Set<Socket>();

beforeEach(async () => {
  received = [];
  answers = (_said, socket) => void socket.write(ANSWER);
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received.push(chunk.toString('latin1'));
      answers(chunk.toString('latin1'), socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.close();
});

const port = (): number => (server.address() as AddressInfo).port;

/** What a client gets: everything until the end or a reset, or until it has waited long enough. */
async function says(to: number, request: string, waitMs = 150): Promise<{ text: string; end: string }> {
  const socket = connect(to, '127.0.0.1');
  sockets.add(socket);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  const ended = new Promise<string>((resolve) => {
    socket.on('end', () => resolve('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  });
  socket.on('connect', () => socket.write(Buffer.from(request, 'latin1')));
  const end = await Promise.race([ended, delay(waitMs, 'silence')]);
  return { text, end };
}

describe('the proxy to the authorization server', () => {
  let proxy: ExchangeProxy;
  let came: SeenExchange[];

  beforeEach(async () => {
    came = [];
    proxy = new ExchangeProxy('broker-1', port, {
      came: (exchange) => came.push(exchange),
      ended: () => undefined,
    });
    await proxy.listen();
  });

  afterEach(() => proxy.close());

  it('lets everything pass, and knows an exchange of a refresh token without keeping the token', async () => {
    expect(await says(proxy.port, OTHER)).toEqual({ text: ANSWER, end: 'silence' });
    expect(await says(proxy.port, REQUEST)).toEqual({ text: ANSWER, end: 'silence' });
    expect(came).toMatchObject([{ replica: 'broker-1', fingerprint: fingerprint('secret-1') }]);
    expect(JSON.stringify(came)).not.toContain('secret-1');
  });

  it('does not take a fault from a request that is no exchange', async () => {
    const armed = proxy.arm('cut_request');
    expect((await says(proxy.port, OTHER)).text).toBe(ANSWER);
    expect((await says(proxy.port, REQUEST)).end).toBe('ECONNRESET');
    expect(await armed.hit).toBe(came[0]);
  });

  it.each([
    ['lose_request', { text: '', end: 'silence' }, 0],
    ['cut_request', { text: '', end: 'ECONNRESET' }, 0],
    ['lose_answer', { text: '', end: 'silence' }, 1],
    ['cut_answer', { text: '', end: 'ECONNRESET' }, 1],
    ['late_answer', { text: '', end: 'silence' }, 1],
    ['slow_answer', { text: ANSWER, end: 'silence' }, 1],
  ] as const)('%s', async (fault, client, arrived) => {
    proxy.arm(fault, fault === 'late_answer' ? 400 : 50);
    expect(await says(proxy.port, REQUEST)).toEqual(client);
    expect(received).toHaveLength(arrived);
    expect(came[0]?.forwardedAt === undefined).toBe(arrived === 0);
    expect((await says(proxy.port, REQUEST)).text).toBe(ANSWER);
  });

  it('truncate_answer', async () => {
    proxy.arm('truncate_answer');
    const { text, end } = await says(proxy.port, REQUEST);
    expect(ANSWER.startsWith(text)).toBe(true);
    expect(text.length).toBeLessThan(ANSWER.length);
    expect(end).toMatch(/end|ECONNRESET/);
  });

  it('refuses, and listens again on the same port', async () => {
    const { port: before } = proxy;
    proxy.begin('refuse');
    expect((await says(proxy.port, OTHER)).end).toBe('ECONNREFUSED');
    await proxy.lift();
    expect(proxy.port).toBe(before);
    expect((await says(proxy.port, OTHER)).text).toBe(ANSWER);
  });

  it('falls silent, and what was held up arrives when it heals', async () => {
    proxy.begin('silent');
    const waiting = says(proxy.port, OTHER, 400);
    await delay(100);
    expect(received).toEqual([]);
    await proxy.lift('resume');
    expect((await waiting).text).toBe(ANSWER);
  });

  it('falls silent, and everything is reset when it heals', async () => {
    proxy.begin('silent');
    const waiting = says(proxy.port, OTHER, 400);
    await delay(100);
    await proxy.lift('reset');
    expect(await waiting).toEqual({ text: '', end: 'ECONNRESET' });
    expect(received).toEqual([]);
  });
});

describe('the proxy to the database', () => {
  const ATTEMPT = '11111111-2222-4333-8444-555555555555';
  const HOLD = `P\0SELECT … AND attempt_deadline_at > clock_timestamp() FOR UPDATE\0 aaaaaaaa-2222-4333-8444-555555555555 ${ATTEMPT}`;
  const COMMIT = 'Q\0\0\0\x0bCOMMIT\0';
  const CLAIM = 'P\0UPDATE … SET attempt_id = gen_random_uuid()';
  let proxy: DatabaseProxy;

  beforeEach(async () => {
    proxy = new DatabaseProxy(port);
    await proxy.listen();
  });

  afterEach(() => proxy.close());

  /** One connection that says one thing after the other, each once the one before was answered. */
  async function converse(...statements: string[]): Promise<string[]> {
    const socket = connect(proxy.port, '127.0.0.1');
    sockets.add(socket);
    const heard: string[] = [];
    const end = once(socket, 'error').then(([{ code }]) => `${code}`, String);
    for (const statement of statements) {
      socket.write(Buffer.from(statement, 'latin1'));
      const next = await Promise.race([
        once(socket, 'data').then(([chunk]) => String(chunk), String),
        end,
        delay(300, 'silence'),
      ]);
      heard.push(next);
      if (next !== 'ok') break;
    }
    return heard;
  }

  beforeEach(() => {
    answers = (said, socket) =>
      void socket.write(said.includes('gen_random_uuid') ? 'C\0\0\0\x0dUPDATE 1\0' : 'ok');
  });

  it('commit_lost: the commit of the attempt that holds its row does not arrive', async () => {
    const { hit } = proxy.arm('commit_lost');
    expect(await converse(HOLD, COMMIT)).toEqual(['ok', 'ECONNRESET']);
    expect(await hit).toEqual({ attemptId: ATTEMPT });
    expect(received).toEqual(
      [Buffer.from(HOLD).toString('latin1')].map(() => expect.stringContaining('FOR UPDATE')),
    );
  });

  it('commit_unacknowledged: it arrives, and nobody learns of it', async () => {
    const { hit } = proxy.arm('commit_unacknowledged');
    expect(await converse(HOLD, COMMIT)).toEqual(['ok', 'ECONNRESET']);
    expect(await hit).toEqual({ attemptId: ATTEMPT });
    expect(received.at(-1)).toContain('COMMIT');
  });

  it('a commit of anything else passes', async () => {
    proxy.arm('commit_lost');
    expect(await converse('Q\0\0\0\x0aBEGIN\0', COMMIT)).toEqual(['ok', 'ok']);
  });

  it('claim_unacknowledged: only where something was claimed', async () => {
    const { hit } = proxy.arm('claim_unacknowledged');
    expect(await converse('Q\0\0\0\x0aSELECT 1\0', CLAIM)).toEqual(['ok', 'ECONNRESET']);
    expect(await hit).toEqual({});
    expect(received.at(-1)).toContain('gen_random_uuid');
  });

  describe('in the middle of an exchange', () => {
    beforeEach(() => {
      // Nothing but the lock is answered: the exchange is under way until the test ends.
      answers = (said, socket) => void (said.includes('FOR UPDATE') && socket.write('ok'));
    });

    it('lock_lost: the connection is reset', async () => {
      const { hit } = proxy.arm('lock_lost', { afterMs: 20 });
      const conversation = converse(HOLD, 'Q\0\0\0\x0aSELECT 1\0');
      expect(await hit).toEqual({ attemptId: ATTEMPT });
      expect(await conversation).toEqual(['ok', 'ECONNRESET']);
    }, 5_000);

    it('lock_silent: nobody hears anything for a while', async () => {
      const { hit } = proxy.arm('lock_silent', { afterMs: 20, silentMs: 100 });
      const conversation = converse(HOLD, 'Q\0\0\0\x0aSELECT 1\0');
      expect(await hit).toEqual({ attemptId: ATTEMPT });
      expect(await conversation).toEqual(['ok', 'ECONNRESET']);
    }, 5_000);
  });
});
