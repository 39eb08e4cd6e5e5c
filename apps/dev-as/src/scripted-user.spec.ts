import { CookieJar } from './cookie-jar.js';
import { firstForm } from './html-form.js';
import { connectAs } from './scripted-user.js';

/** A fetch that answers from a table of `METHOD url`, and keeps what it was asked. */
function scriptedFetch(pages: Record<string, () => Response>): { browse: typeof fetch; asked: string[] } {
  const asked: string[] = [];
  const browse = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = input instanceof Request ? input.url : input.toString();
    const body = init?.body === undefined ? '' : ` ${String(init.body as URLSearchParams)}`;
    const cookie = new Headers(init?.headers).get('cookie');
    asked.push(`${init?.method} ${url}${body}${cookie === null ? '' : ` [${cookie}]`}`);
    const page = pages[`${init?.method} ${url}`];
    if (!page) throw new Error(`no page for ${init?.method} ${url}`);
    return page();
  };
  return { browse, asked };
}

const redirect = (location: string, cookie?: string): Response =>
  new Response(null, { status: 303, headers: { location, ...(cookie ? { 'set-cookie': cookie } : {}) } });

describe('connectAs', () => {
  it('presses the button of a connect page, with its hidden inputs, and ends at a page without a form', async () => {
    const connectPage = `<form method='post' action="/go"><input type="hidden" name="ticket" value="a&amp;b">
      <button>Connect</button></form>`;
    const { browse, asked } = scriptedFetch({
      'GET http://broker.test/connect?t=1': () => new Response(connectPage),
      'POST http://broker.test/go': () => redirect('/done?code=1', 'broker=1; Path=/; HttpOnly'),
      'GET http://broker.test/done?code=1': () => new Response('<p>Connected</p>'),
    });
    const journey = await connectAs('http://broker.test/connect?t=1', { login: 'ada', fetch: browse });
    expect(journey).toMatchObject({
      status: 200,
      url: 'http://broker.test/done?code=1',
      body: '<p>Connected</p>',
    });
    expect(asked[1]).toBe('POST http://broker.test/go ticket=a%26b');
    expect(asked[2]).toContain('[broker=1]');
    expect(journey.trail).toHaveLength(3);
  });

  it('ends at an error page, and at a form that comes back', async () => {
    const login = '<form method="post"><input name="login"><input name="password"><button>Go</button></form>';
    const { browse } = scriptedFetch({
      'GET http://as.test/a': () => new Response(login),
      'POST http://as.test/a': () => new Response(login),
      'GET http://as.test/b': () => new Response('no', { status: 500 }),
    });
    expect(await connectAs('http://as.test/a', { login: 'x', fetch: browse })).toMatchObject({
      status: 200,
      body: login,
    });
    expect(await connectAs('http://as.test/b', { login: 'x', fetch: browse })).toMatchObject({ status: 500 });
  });

  it('gives up on a circle', async () => {
    const { browse } = scriptedFetch({ 'GET http://as.test/': () => redirect('/') });
    await expect(connectAs('http://as.test/', { login: 'x', fetch: browse })).rejects.toThrow('did not end');
  });
});

describe('CookieJar', () => {
  it('keeps hosts and paths apart, replaces and expires', () => {
    const jar = new CookieJar();
    jar.store(new URL('http://a.test/x/y'), ['one=1; path=/x', 'two=2; Path=/', 'three=3']);
    expect(jar.header(new URL('http://a.test/x/z'))).toBe('one=1; three=3; two=2');
    expect(jar.header(new URL('http://a.test/xyz'))).toBe('two=2');
    expect(jar.header(new URL('http://b.test/x'))).toBe('');
    jar.store(new URL('http://a.test/'), [
      'two=9; path=/',
      'one=; path=/x; expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ]);
    expect(jar.header(new URL('http://a.test/x/z'))).toBe('three=3; two=9');
  });
});

describe('firstForm', () => {
  it('reads fields and buttons, and nothing where there is no form', () => {
    const form = firstForm(
      '<form method="POST"><input name=a value=1><button name="b" value="c">x</button></form>',
    );
    expect(form).toMatchObject({ action: '', method: 'post', buttons: [{ name: 'b', value: 'c' }] });
    expect([...(form?.fields ?? [])]).toEqual([['a', '1']]);
    expect(firstForm('<p>no form</p>')).toBeUndefined();
  });
});
