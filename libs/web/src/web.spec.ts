import type { AddressInfo } from 'node:net';
import { request as rawRequest } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  BrokerError,
  StoreUnavailableError,
  type BrokerEvent,
  type Connection,
  type Invitation,
} from '#libs/core';
import { secure, WebModule, type Readiness, type WebParts } from './index.js';

const COOKIE = 'c'.repeat(43);
const XSS = '"><script>alert(1)</script>\'&';

/** A fake of core's part, with what it was asked. */
class FakeAuthorization {
  asked: unknown[][] = [];
  failure: Error | undefined;
  invited: Invitation = {
    connection: 'clients/c/connections/u',
    issuer: 'https://login.example.com/indicium',
    scopes: ['openid', 'sf'],
    again: false,
  };
  redirectTo = 'https://login.example.com/indicium/connect/authorize?state=s1';
  subject: string | undefined = 'ada';

  async invitation(...given: unknown[]): Promise<Invitation> {
    return this.answer(given, this.invited);
  }
  async begin(...given: unknown[]): Promise<{ redirectTo: string; browserCookie: string }> {
    return this.answer(given, { redirectTo: this.redirectTo, browserCookie: COOKIE });
  }
  async complete(...given: unknown[]): Promise<Connection> {
    const connection = {
      clientId: 'c',
      connectionId: 'u',
      ...(this.subject === undefined ? {} : { subject: this.subject }),
    };
    return this.answer(given, connection as Connection);
  }
  private answer<T>(given: unknown[], value: T): T {
    this.asked.push(given);
    if (this.failure !== undefined) throw this.failure;
    return value;
  }
}

interface Running {
  readonly app: NestExpressApplication;
  readonly port: number;
  readonly url: string;
  readonly fake: FakeAuthorization;
  readonly events: BrokerEvent[];
  readiness: Readiness;
}

async function start(publicUrl: string): Promise<Running> {
  const fake = new FakeAuthorization();
  const events: BrokerEvent[] = [];
  const state = { readiness: { ready: true, checks: { phase: 'serving' } } as Readiness };
  const parts: WebParts = {
    authorization: fake,
    publicUrl,
    readiness: () => state.readiness,
    metrics: async () => ({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text: 'token_broker_up 1\n',
    }),
    events: { emit: (event) => void events.push(event) },
  };
  const app = await NestFactory.create<NestExpressApplication>(
    WebModule.with(() => parts, []),
    {
      logger: false,
      bodyParser: false,
    },
  );
  secure(app, publicUrl);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return Object.assign(state, { app, port, url: `http://127.0.0.1:${port}`, fake, events });
}

const get = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { headers, redirect: 'manual' });
const post = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers, redirect: 'manual' });

/** A request target as it is, which `fetch` would tidy up. */
function raw(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    rawRequest({ host: '127.0.0.1', port, path }, (response) => {
      let body = '';
      response
        .on('data', (chunk) => (body += String(chunk)))
        .on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

let web: Running;
beforeEach(async () => (web = await start('https://broker.example.com')));
afterEach(async () => web.app.close());

describe('every answer', () => {
  it.each([
    '/connect/t',
    '/callback',
    '/callback?state=s&code=c',
    '/healthz',
    '/readyz',
    '/metrics',
    '/',
    '/nothing',
    '/connect/%E0%A4%A',
  ])('%s has the strict headers', async (path) => {
    const { headers } = await get(web.url + path);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'/);
    expect(policy).toMatch(/frame-ancestors 'none'/);
    expect(policy).toMatch(/base-uri 'none'/);
    expect(policy).not.toMatch(/script-src|unsafe/);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('strict-transport-security')).toMatch(/max-age/);
    expect(headers.has('x-powered-by')).toBe(false);
  });
});

describe('the invitation', () => {
  it('says what it is about, changes nothing, and has one button', async () => {
    const response = await get(`${web.url}/connect/ticket.1`);
    const body = await response.text();
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ]);
    expect(body).toContain('clients/c/connections/u');
    expect(body).toContain('https://login.example.com/indicium');
    expect(body).toContain('<code>sf</code>');
    expect(body).toContain('<form method="post"><button type="submit">');
    expect(body).not.toContain('<script');
    expect(response.headers.has('set-cookie')).toBe(false);
    expect(web.fake.asked).toEqual([['ticket.1']]);
  });

  it('P9: escapes whatever it shows', async () => {
    web.fake.invited = { connection: XSS, issuer: 'https://login.example.com/', scopes: [XSS], again: true };
    const body = await (await get(`${web.url}/connect/t`)).text();
    expect(body).not.toContain('<script');
    expect(body).toContain('&lt;script&gt;');
  });

  it('asks that the form may lead on to wherever the authorization server redirects', async () => {
    const policy = (await get(`${web.url}/connect/t`)).headers.get('content-security-policy');
    expect(policy).toMatch(/form-action 'self' https:/);
  });
});

describe('"Continue"', () => {
  it('binds the browser and leads it to the authorization server', async () => {
    const response = await post(`${web.url}/connect/t`, { 'sec-fetch-site': 'same-origin' });
    expect([response.status, response.headers.get('location')]).toEqual([303, web.fake.redirectTo]);
    const cookie = response.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(
      new RegExp(
        `^__Host-[\\w-]+=${COOKIE}; Max-Age=900; Path=/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$`,
      ),
    );
  });

  it('over plain http on this machine the cookie is neither secure nor host-bound', async () => {
    const plain = await start('http://127.0.0.1:7480');
    const cookie = (await post(`${plain.url}/connect/t`)).headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^(?!__Host-).*HttpOnly; SameSite=Lax$/);
    expect(cookie).not.toContain('Secure');
    expect((await get(plain.url)).headers.has('strict-transport-security')).toBe(false);
    await plain.app.close();
  });

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling host', { 'sec-fetch-site': 'same-site' }],
    ['another origin, from a browser without fetch metadata', { origin: 'https://evil.example' }],
    ['a hidden origin, from a browser without fetch metadata', { origin: 'null' }],
  ])('is refused from %s', async (_where, headers) => {
    const response = await post(`${web.url}/connect/t`, headers);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(web.fake.asked).toEqual([]);
  });

  it('is taken from our own page, whichever header the browser has', async () => {
    expect(
      (await post(`${web.url}/connect/t`, { 'sec-fetch-site': 'same-origin', origin: 'null' })).status,
    ).toBe(303);
    expect((await post(`${web.url}/connect/t`, { origin: 'https://broker.example.com' })).status).toBe(303);
  });
});

describe('the way back', () => {
  const callback = '/callback?code=c&state=s1';

  /** Goes through "Continue" in a browser that has these cookies already, and answers all it has then. */
  async function begun(state: string, before = ''): Promise<string> {
    web.fake.redirectTo = `https://login.example.com/a?state=${state}`;
    const response = await post(`${web.url}/connect/t`);
    const [pair = ''] = (response.headers.get('set-cookie') ?? '').split(';');
    const others = before
      .split('; ')
      .filter((held) => held !== '' && held.split('=')[0] !== pair.split('=')[0]);
    web.fake.asked = [];
    return [...others, pair].join('; ');
  }

  it('completes with the registered redirect URI, whatever the Host header says', async () => {
    const cookie = await begun('s1');
    const response = await get(web.url + callback, {
      cookie,
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
    });
    const body = await response.text();
    expect(response.status).toBe(200);
    expect(body).toContain('clients/c/connections/u');
    expect(body).toContain('ada');
    const [[url, browser]] = web.fake.asked as [[URL, string]];
    expect([url.href, browser]).toEqual([`https://broker.example.com${callback}`, COOKIE]);
    expect(response.headers.get('set-cookie')).toMatch(/^__Host-[\w-]+=; .*Expires=Thu, 01 Jan 1970/);
  });

  it('two tabs do not get in each other’s way', async () => {
    const cookie = await begun('s2', await begun('s1'));
    await get(web.url + callback, { cookie });
    await get(`${web.url}/callback?code=c&state=s2`, { cookie });
    expect(web.fake.asked.map(([, browser]) => browser)).toEqual([COOKIE, COOKIE]);
    expect(cookie.split('; ')).toHaveLength(2);
  });

  it.each([
    '',
    'x',
    '=;=;;',
    `__Host-token-broker=${'x'.repeat(5_000)}`,
    '__Host-token-broker=%00',
    `token-broker=${COOKIE}`,
  ])('a cookie like %j is none', async (cookie) => {
    await get(web.url + callback, { cookie });
    expect(web.fake.asked[0]?.[1]).toBeUndefined();
  });

  it.each([
    ['no answer', '/callback'],
    ['no state', '/callback?code=c'],
    ['two states', '/callback?code=c&state=s1&state=s2'],
    ['two codes', '/callback?code=c&code=d&state=s1'],
    ['an endless query', `/callback?state=s1&code=${'x'.repeat(9_000)}`],
  ])('%s is refused before anything is looked up', async (_what, path) => {
    const response = await get(web.url + path);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('role="alert"');
    expect(web.fake.asked).toEqual([]);
  });

  it('P9: escapes what the authorization server says', async () => {
    web.fake.subject = XSS;
    expect(await (await get(web.url + callback)).text()).not.toContain('<script');
    web.fake.failure = BrokerError.of('AUTHORIZATION_SERVER_REFUSED', `said ${XSS}`);
    expect(await (await get(web.url + callback)).text()).not.toContain('<script');
  });
});

describe('failures', () => {
  it.each<[string, unknown, number]>([
    ['a bad link', BrokerError.of('INVALID_REQUEST', 'This link is too old.'), 400],
    ['another user', BrokerError.of('SUBJECT_MISMATCH', 'You are somebody else.'), 403],
    ['a missing client', BrokerError.of('NOT_FOUND', 'It is gone.'), 404],
    ['a conflict', BrokerError.of('STATE_CONFLICT', 'Meanwhile.'), 409],
    ['a server that is down', BrokerError.of('AUTHORIZATION_SERVER_DOWN', 'It is down.'), 503],
  ])('%s becomes a page with the message', async (_what, failure, status) => {
    web.fake.failure = failure as Error;
    const response = await get(`${web.url}/connect/t`);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain((failure as Error).message);
    expect(web.events).toEqual([]);
  });

  it('a database that is away is no fault, and says to try again', async () => {
    web.fake.failure = new StoreUnavailableError('connect ECONNREFUSED db:5432');
    const response = await get(`${web.url}/connect/t`);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('db:5432');
    expect(web.events).toEqual([]);
  });

  it('a fault shows a reference only; the rest is told', async () => {
    web.fake.failure = new TypeError('secret detail in /srv/app.js');
    const response = await get(`${web.url}/connect/t`);
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).not.toMatch(/secret detail|TypeError|\.js/);
    const [event] = web.events;
    if (event?.type !== 'fault') throw new Error('no fault was told');
    expect(body).toContain(event.during.split(' ').at(-1));
  });

  it.each([
    ['/', 404],
    ['/nothing/here', 404],
    ['/connect', 404],
    ['/connect/%E0%A4%A', 400],
    ['/connect/a%2F..%2Fb', 200],
    ['/..%2f..%2fetc/passwd', 404],
  ])('%s answers %d, cleanly', async (path, status) => {
    const { status: answered, body } = await raw(web.port, path);
    expect(answered).toBe(status);
    expect(body).not.toMatch(/node_modules|at \w+ \(|URIError/);
    expect(web.events).toEqual([]);
  });

  it('methods that are not there are not there', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      expect((await fetch(`${web.url}/connect/t`, { method })).status).toBe(404);
    }
    expect(web.fake.asked).toEqual([]);
  });
});

describe('operations', () => {
  it('P6: is alive, and ready as long as it is told so', async () => {
    expect((await get(`${web.url}/healthz`)).status).toBe(200);
    expect((await get(`${web.url}/readyz`)).status).toBe(200);
    web.readiness = { ready: false, checks: { phase: 'draining' } };
    const response = await get(`${web.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ checks: { phase: 'draining' } });
    expect((await get(`${web.url}/healthz`)).status).toBe(200);
  });

  it('shows the metrics', async () => {
    const response = await get(`${web.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toBe('token_broker_up 1\n');
  });
});
