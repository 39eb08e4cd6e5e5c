import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#eef1f5, #14181d); }
main { width: min(24rem, calc(100vw - 4rem)); padding: 2rem; border-radius: .75rem;
  background: light-dark(#fff, #1f252c); box-shadow: 0 .25rem 1.5rem rgb(0 0 0 / .12); }
h1 { margin: 0 0 1rem; font-size: 1.35rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #7b8794; border-radius: .4rem; }
.actions { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1; padding: .65rem; font: inherit; font-weight: 600; border: 1px solid #1d5fbf; border-radius: .4rem;
  background: #1d5fbf; color: #fff; cursor: pointer; }
button.secondary { background: transparent; color: inherit; border-color: #7b8794; }
:focus-visible { outline: 3px solid #f0a500; outline-offset: 2px; }
.error { padding: .6rem .8rem; border-left: .3rem solid #c62828; background: light-dark(#fdecea, #3a1f1f); }
.note { margin-top: 1.5rem; font-size: .85rem; opacity: .8; }
code { font-size: .95em; overflow-wrap: anywhere; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * Content-Security-Policy of every page: no scripts, nothing from elsewhere.
 * @param formTargets origins that a form's redirects may lead to, beside this server (browsers hold the
 *   redirects that follow a form post to `form-action` too).
 */
export function contentSecurityPolicy(formTargets: readonly string[] = []): string {
  const targets = ["'self'", ...formTargets].join(' ');
  return (
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${targets}; ` +
    `frame-ancestors 'none'; base-uri 'none'`
  );
}

/** The login page; the form posts `login` and `password` (or `action=cancel`) back to its own URL. */
export function renderLoginPage(page: { clientName: string; login?: string; failed?: boolean }): string {
  const error = page.failed ? '<p class="error" role="alert">User name or password is wrong.</p>' : '';
  return layout(
    'Log in',
    `<h1>Log in</h1>
<p>to continue to <strong>${escapeHtml(page.clientName)}</strong></p>${error}
<form method="post">
<label for="login">User name</label>
<input id="login" name="login" autocomplete="username" required autofocus value="${escapeHtml(page.login ?? '')}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<div class="actions"><button type="submit" name="action" value="login">Log in</button>
<button type="submit" name="action" value="cancel" class="secondary" formnovalidate>Cancel</button></div>
</form>
<p class="note">This is a development server: the password is the same as the user name (for example
<code>ada</code> / <code>ada</code>). Never use it for anything real.</p>`,
  );
}

/** The consent page: names the client and every scope; the form posts `action=approve` or `action=deny`. */
export function renderConsentPage(page: {
  clientName: string;
  login: string;
  scopes: readonly string[];
}): string {
  const items = page.scopes
    .map((scope) => `<li><code>${escapeHtml(scope)}</code>${explain(scope)}</li>`)
    .join('');
  return layout(
    'Allow access',
    `<h1>Allow access?</h1>
<p><strong>${escapeHtml(page.clientName)}</strong> asks to act as <strong>${escapeHtml(page.login)}</strong> with:</p>
<ul>${items}</ul>
<form method="post"><div class="actions">
<button type="submit" name="action" value="approve" autofocus>Allow</button>
<button type="submit" name="action" value="deny" class="secondary">Deny</button></div></form>
<p class="note">Development server.</p>`,
  );
}

/** What a person sees when a request cannot go back to the client. */
export function renderErrorPage(error: string, description: string | undefined): string {
  return layout(
    'Error',
    `<h1>That did not work</h1><p class="error" role="alert"><code>${escapeHtml(error)}</code>
${escapeHtml(description ?? '')}</p>`,
  );
}

function explain(scope: string): string {
  if (scope === 'openid') return ' – know who you are';
  if (scope === 'offline_access') return ' – stay connected while you are away';
  return '';
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – development authorization server</title><style>${STYLE}</style></head>
<body><main>${body}</main></body></html>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
