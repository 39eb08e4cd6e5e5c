import type * as OidcProvider from 'oidc-provider';

/**
 * Loads oidc-provider without its remark about the Node.js version: it names 22 as its minimum, and the
 * features used here were measured to work on 20.19 as well (where only `URL.parse` may be missing).
 */
export async function loadOidcProvider(): Promise<typeof OidcProvider> {
  if (!('parse' in URL)) {
    Object.defineProperty(URL, 'parse', {
      configurable: true,
      value: (input: string, base?: string) => (URL.canParse(input, base) ? new URL(input, base) : null),
    });
  }
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes('Unsupported runtime')) warn(...args);
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}
