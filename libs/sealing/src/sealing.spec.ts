import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealingContext, Secret, type Sealed } from '#libs/core';
import { generateKeyFile, JweSealer, KeyRing, keyRingFromFile, keyRingFromText } from './index.js';

const jwk = (kid: string) => ({ kty: 'oct', kid, k: randomBytes(32).toString('base64url') });
const CONTEXT = sealingContext.refreshToken('uid-1', 7);

describe('sealing', () => {
  const a = jwk('a');
  let sealer: JweSealer;
  let sealed: Sealed;

  beforeAll(async () => {
    sealer = new JweSealer(await KeyRing.fromJwks([a]));
    sealed = await sealer.seal(new Secret('the-refresh-token'), CONTEXT);
  });

  it('opens in its place what it sealed, and shows nothing of it', async () => {
    expect((await sealer.open(sealed, CONTEXT)).reveal()).toBe('the-refresh-token');
    expect(Buffer.from(sealed.split('.').join(''), 'base64url').toString('latin1')).not.toContain(
      'refresh-token-',
    );
    expect(sealed).not.toContain('the-refresh-token');
    expect(await sealer.seal(new Secret('the-refresh-token'), CONTEXT)).not.toBe(sealed);
  });

  it.each([
    ['another row', sealingContext.refreshToken('uid-2', 7)],
    ['another generation', sealingContext.refreshToken('uid-1', 8)],
    ['another column', sealingContext.accessToken('uid-1', '', 7)],
  ])('P9: a ciphertext moved to %s does not open', async (_where, context) => {
    await expect(sealer.open(sealed, context)).rejects.toThrow('not in the place');
  });

  it('a ciphertext whose header names another place does not open', async () => {
    const [, ...rest] = sealed.split('.');
    const other = sealingContext.refreshToken('uid-2', 7);
    const header = { alg: 'A256GCMKW', enc: 'A256GCM', kid: 'a', ctx: other };
    const forged = [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.') as Sealed;
    await expect(sealer.open(forged, other)).rejects.toThrow('does not open');
  });

  it('a changed ciphertext does not open, wherever it was changed', async () => {
    for (const part of [1, 2, 3, 4]) {
      const parts = sealed.split('.');
      const bytes = Buffer.from(parts[part] ?? '', 'base64url');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      parts[part] = bytes.toString('base64url');
      await expect(sealer.open(parts.join('.') as Sealed, CONTEXT)).rejects.toThrow('does not open');
    }
    for (const garbage of ['', 'x', '....', `${sealed}.x`]) {
      await expect(sealer.open(garbage as Sealed, CONTEXT)).rejects.toMatchObject({ name: 'SealError' });
    }
  });

  it('a retired key still opens; a missing one is named', async () => {
    const b = jwk('b');
    const both = new JweSealer(await KeyRing.fromJwks([b, a]));
    expect((await both.open(sealed, CONTEXT)).reveal()).toBe('the-refresh-token');
    const onlyB = new JweSealer(await KeyRing.fromJwks([b]));
    await expect(onlyB.open(sealed, CONTEXT)).rejects.toThrow('sealed with the key "a"');
  });

  it('another key of the same name does not open', async () => {
    const impostor = new JweSealer(await KeyRing.fromJwks([jwk('a')]));
    await expect(impostor.open(sealed, CONTEXT)).rejects.toThrow('does not open');
  });
});

describe('keys', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'sealing-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('a generated key file is for its owner only, works, and is never replaced', async () => {
    const file = join(dir, 'keys', 'sealing.jwks');
    await generateKeyFile(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    await generateKeyFile(file);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect((await keyRingFromFile(file)).kids()).toHaveLength(1);
  });

  it('refuses a key file that others can read', async () => {
    const file = join(dir, 'sealing.jwks');
    await generateKeyFile(file);
    chmodSync(file, 0o640);
    await expect(keyRingFromFile(file)).rejects.toThrow('chmod 600');
  });

  it.each([
    ['no JSON', 'nonsense', 'neither a JWK Set'],
    ['no keys', '{}', 'no "keys"'],
    ['an empty set', '{"keys":[]}', 'empty'],
    ['an RSA key', '{"keys":[{"kty":"RSA","n":"x"}]}', 'not symmetric'],
    ['a short key', '{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}', '256 are needed'],
  ])('refuses %s, without quoting it', async (_what, text, message) => {
    const file = join(dir, 'keys.jwks');
    writeFileSync(file, text, { mode: 0o600 });
    await expect(keyRingFromFile(file)).rejects.toThrow(message);
    await expect(keyRingFromFile(file)).rejects.not.toThrow(/c2hvcnQ|nonsense/);
  });

  it('takes one key in base64url from the environment', async () => {
    const ring = await keyRingFromText(randomBytes(32).toString('base64url'), 'TOKEN_BROKER_SEALING_KEYS');
    expect(ring.kids()).toHaveLength(1);
  });
});
