import { X509Certificate } from 'node:crypto';
import { TestCa, type TestCertificate } from '../../../../test/harness/test-pki.js';
import { identitiesOf } from './peer-identities.js';

const ADMIN = 'spiffe://prod.test/admin';

describe('the identities of a certificate', () => {
  let ca: TestCa;
  beforeAll(async () => {
    ca = await TestCa.create();
  });

  async function identities(wish: TestCertificate): Promise<string[]> {
    return identitiesOf(new X509Certificate((await ca.issue(wish)).certificate));
  }

  test('SPIFFE ID, DNS names and common name, in this order', async () => {
    const names = [
      { type: 'dns', value: 'sync.prod.test' },
      { type: 'url', value: 'spiffe://prod.test/sync' },
      { type: 'dns', value: 'sync-2.prod.test' },
    ] as const;
    expect(await identities({ commonName: 'sync', names })).toEqual([
      'spiffe://prod.test/sync',
      'dns:sync.prod.test',
      'dns:sync-2.prod.test',
      'cn:sync',
    ]);
  });

  test('none without names', async () => {
    expect(await identities({})).toEqual([]);
  });

  test.each([
    ['a comma in a DNS name', 'dns', `x, URI:${ADMIN}`],
    ['a comma and a quote in a DNS name', 'dns', `x", URI:${ADMIN}, DNS:"y`],
    ['a DNS name that is all of it', 'dns', `URI:${ADMIN}`],
    ['a line break in a DNS name', 'dns', `x\nURI:${ADMIN}`],
    ['a NUL in a DNS name', 'dns', `admin.prod.test\u0000.evil.test`],
    ['an e-mail address', 'email', `x, URI:${ADMIN}`],
    ['a URI of another scheme', 'url', `https://evil.test/, URI:${ADMIN}`],
    ['a comma behind a SPIFFE ID', 'url', `${ADMIN}, DNS:admin`],
    ['a NUL behind a SPIFFE ID', 'url', `${ADMIN}\u0000/x`],
    ['a query behind a SPIFFE ID', 'url', `${ADMIN}?x`],
    ['a port in a SPIFFE ID', 'url', 'spiffe://prod.test:1/admin'],
    ['a user in a SPIFFE ID', 'url', 'spiffe://x@prod.test/admin'],
    ['a SPIFFE ID with dots', 'url', 'spiffe://prod.test/x/../admin'],
    ['a SPIFFE ID in capitals', 'url', 'SPIFFE://prod.test/admin'],
    ['a SPIFFE ID without a path', 'url', 'spiffe://prod.test'],
  ] as const)('no identity is forged through %s', async (_what, type, value) => {
    expect(await identities({ names: [{ type, value }] })).toEqual([]);
  });

  test.each([['x, CN=admin'], ['x\nCN=admin'], ['admin\u0000'], ['ädmin'], ['']])(
    'nor through the common name %j',
    async (commonName) => {
      const found = await identities({ commonName });
      expect(found).not.toContain('cn:admin');
      expect(found.every((identity) => identity === `cn:${commonName}`)).toBe(true);
    },
  );

  test('a SPIFFE ID beside another URI is refused', async () => {
    const names = [
      { type: 'url', value: 'spiffe://prod.test/sync' },
      { type: 'url', value: ADMIN },
    ] as const;
    await expect(identities({ names })).rejects.toMatchObject({ refusal: { reason: 'UNAUTHENTICATED' } });
  });

  test("an authority's certificate is refused", async () => {
    const names = [{ type: 'url', value: ADMIN }] as const;
    await expect(identities({ names, ca: true })).rejects.toMatchObject({
      refusal: { reason: 'UNAUTHENTICATED' },
    });
  });
});
