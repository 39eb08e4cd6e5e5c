import { CookieJar } from './cookie-jar.js';
import { firstForm } from './html-form.js';
import type { HtmlForm } from './html-form.js';

/** Who follows an authorization link, and how. */
export interface ScriptedUser {
  /** User name; the password is the same. */
  login: string;
  /** Denies the consent. */
  deny?: boolean;
  /** Where a redirect to a URL with this prefix ends the journey unvisited (a callback that nobody serves). */
  stopAt?: string;
  /** How to speak HTTP; the global `fetch` when left out. */
  fetch?: typeof fetch;
  /** Kept between journeys, it makes the user stay logged in. */
  cookies?: CookieJar;
}

/** Where the journey ended, and what it came by. */
export interface UserJourney {
  status: number;
  /** URL of the last page; with `stopAt`, the redirect that was not followed. */
  url: string;
  body: string;
  /** Each request as `METHOD url → status`. Holds codes: for a test's failure message, not for logs. */
  trail: string[];
}

const MOST_STEPS = 25;

/**
 * Follows an authorization link like a user with a browser would: presses the button of the page where
 * it starts, logs in, allows (or denies), and goes wherever it is sent, until a page has no form for it.
 */
export async function connectAs(url: string | URL, user: ScriptedUser): Promise<UserJourney> {
  const browse = user.fetch ?? fetch;
  const cookies = user.cookies ?? new CookieJar();
  const trail: string[] = [];
  let next = new URL(url);
  let form: URLSearchParams | undefined;
  const sent = new Set<string>();

  for (let step = 0; step < MOST_STEPS; step += 1) {
    const cookie = cookies.header(next);
    const response = await browse(next, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        ...(cookie ? { cookie } : {}),
        ...(form ? { origin: next.origin } : {}),
      },
      ...(form ? { body: form } : {}),
    });
    trail.push(`${form ? 'POST' : 'GET'} ${next.href} → ${response.status}`);
    cookies.store(next, response.headers.getSetCookie());
    const body = await response.text();

    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      next = new URL(location, next);
      form = undefined;
      if (user.stopAt !== undefined && next.href.startsWith(user.stopAt)) {
        return { status: response.status, url: next.href, body, trail };
      }
      continue;
    }
    const page = firstForm(body);
    const target = new URL(page?.action || next.href, next);
    // The same form twice means that it was not accepted: that page is where the journey ends.
    if (!response.ok || page?.method !== 'post' || sent.has(target.href)) {
      return { status: response.status, url: next.href, body, trail };
    }
    sent.add(target.href);
    next = target;
    form = fill(page, user);
  }
  throw new Error(`the journey did not end:\n${trail.join('\n')}`);
}

/** Fills a form in and presses the button that fits. */
function fill(form: HtmlForm, user: ScriptedUser): URLSearchParams {
  const filled = new URLSearchParams([...form.fields]);
  for (const name of ['login', 'password']) {
    if (form.fields.has(name)) filled.set(name, user.login);
  }
  const button = form.buttons.find(({ value }) => user.deny && value === 'deny') ?? form.buttons[0];
  if (button && button.name !== '') filled.set(button.name, button.value);
  return filled;
}
