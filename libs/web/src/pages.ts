import type { Invitation } from '#libs/core';
import { html, Html } from './html.js';

/** The one style sheet; its hash is allowed by the content security policy. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #f4f5f7; --card: #fff; --line: #d5d9df; --accent: #1556b8; --bad: #a3231b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #14171b; --card: #1f242a; --line: #39414b; --accent: #7db0ff; --bad: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: min(34rem, 100%); padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.25; }
h1.bad { color: var(--bad); }
dl { margin: 1.25rem 0; } dt { font-size: .85rem; opacity: .75; } dd { margin: 0 0 .75rem; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 1.2rem; }
code { font: .95em ui-monospace, monospace; }
button { font: inherit; font-weight: 600; padding: .65rem 1.4rem; border: 0; border-radius: .5rem; background: var(--accent); color: var(--card); cursor: pointer; }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.small { font-size: .875rem; opacity: .8; }
`;

function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.text;
}

/** What the user sees before going to the authorization server. */
export function invitationPage(invitation: Invitation): string {
  const { connection, issuer, scopes, again } = invitation;
  const host = new URL(issuer).host;
  return page(
    again ? 'Connect again' : 'Connect',
    html`<h1>${again ? 'Connect again' : 'Connect your account'}</h1>
      <p>
        Internal services ask to act on your behalf at <strong>${host}</strong>. You log in there, and consent
        once; your password is never shown to this page.
      </p>
      <dl>
        <dt>Connection</dt>
        <dd><code>${connection}</code></dd>
        <dt>Authorization server</dt>
        <dd><code>${issuer}</code></dd>
        <dt>What is asked for</dt>
        <dd>
          <ul>
            ${scopes.map((scope) => html`<li><code>${scope}</code></li>`)}
          </ul>
        </dd>
      </dl>
      ${again ? html`<p>Log in as the same user as before.</p>` : ''}
      <form method="post"><button type="submit">Continue to ${host}</button></form>
      <p class="small">Did somebody send you this link unexpectedly? Then close this page.</p>`,
  );
}

/** What the user sees when it is done. */
export function connectedPage(connection: string, subject: string | undefined): string {
  return page(
    'Connected',
    html`<h1>Connected</h1>
      <p role="status">
        That is all: the access is kept fresh from now on, and you need not log in again. You can close this
        window.
      </p>
      <dl>
        <dt>Connection</dt>
        <dd><code>${connection}</code></dd>
        ${
          subject === undefined
            ? ''
            : html`<dt>User</dt>
                <dd><code>${subject}</code></dd>`
        }
      </dl>`,
  );
}

/** What the user sees when it did not work: what is wrong, and what to do. */
export function failurePage(title: string, message: string): string {
  return page(
    title,
    html`<h1 class="bad">${title}</h1>
      <p role="alert">${message}</p>
      <p class="small">
        Nothing has been changed. If it does not work a second time, tell whoever sent you the link.
      </p>`,
  );
}
