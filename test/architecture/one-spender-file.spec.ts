import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../apps/dev/src/child.js';

/** The sources of the product: no specs, no development server, no development stack. */
function sources(): string[] {
  return ['libs', 'apps/broker', 'apps/brokerctl']
    .flatMap((dir) =>
      readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' }).map((file) => join(dir, file)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
}

function filesWith(pattern: RegExp): string[] {
  return sources().filter((file) => pattern.test(readFileSync(join(ROOT, file), 'utf8')));
}

describe('P1: one file spends refresh tokens', () => {
  it('only the spender sends an exchange', () => {
    expect(filesWith(/\bexchange\.send\(/)).toEqual(['libs/core/src/rotation/spend-refresh-token.ts']);
  });

  it('only the token endpoint puts a refresh token into a request, for that exchange', () => {
    expect(filesWith(/\brefreshTokenGrant\b|\bgenericGrantRequest\b|grant_type=/)).toEqual([
      'libs/oauth/src/token-endpoint.ts',
    ]);
  });

  it('only the spender asks for an exchange to be prepared, and for a claim to be held', () => {
    expect(filesWith(/\bendpoint\.prepare\(/)).toEqual(['libs/core/src/rotation/spend-refresh-token.ts']);
    expect(filesWith(/\bstore\.hold\(/)).toEqual(['libs/core/src/rotation/spend-refresh-token.ts']);
  });

  it('the search sees the sources', () => {
    expect(sources().length).toBeGreaterThan(100);
    expect(filesWith(/class Spender\b/)).toHaveLength(1);
  });
});
