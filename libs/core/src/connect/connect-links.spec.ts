import { aRefusal, FakeWorld, sampleConnection } from '../../../../test/harness/fakes/index.js';
import { sealingContext } from '../sealer.js';
import { Secret } from '../secret.js';
import { ConnectLinks } from './connect-links.js';

const connection = sampleConnection({ authorizationEpoch: 3 });
let world: FakeWorld;
let links: ConnectLinks;

beforeEach(() => {
  world = new FakeWorld();
  links = new ConnectLinks(world.sealer, world.clock, 'https://broker.example', 3_600_000);
});

const ticketOf = (uri: string): string => uri.slice('https://broker.example/connect/'.length);

describe('a link to connect', () => {
  it('says what it is for, to the broker only', async () => {
    const { uri, expiresAt } = await links.link(connection, { scopes: ['a'], loginHint: 'ada' });
    expect(await links.open(ticketOf(uri))).toEqual({
      connection: { clientId: 'c', connectionId: 'u1' },
      authorizationEpoch: 3,
      scopes: ['a'],
      loginHint: 'ada',
      expiresAt,
    });
    expect(uri).not.toMatch(/ada|u1/);
  });

  it('ends', async () => {
    const { uri, expiresAt } = await links.link(connection);
    world.clock.advance(expiresAt - world.clock.now() - 1);
    await expect(links.open(ticketOf(uri))).resolves.toBeDefined();
    world.clock.advance(1);
    await expect(links.open(ticketOf(uri))).rejects.toEqual(aRefusal('INVALID_REQUEST', /too old/));
  });

  it.each([
    ['nothing', ''],
    ['nonsense', 'nonsense'],
    ['far too much', 'x'.repeat(100_000)],
  ])('is refused where it is %s', async (_what, ticket) => {
    await expect(links.open(ticket)).rejects.toEqual(
      aRefusal('INVALID_REQUEST', /not complete or not from here/),
    );
  });

  it('is refused where it was changed, or is sealed for something else', async () => {
    const { uri } = await links.link(connection);
    await expect(links.open(`${ticketOf(uri)}x`)).rejects.toEqual(aRefusal('INVALID_REQUEST'));
    const other = await world.sealer.seal(new Secret('{}'), sealingContext.clientSecret('client-uid'));
    await expect(links.open(other)).rejects.toEqual(aRefusal('INVALID_REQUEST'));
  });

  it('P6: can be made while the database is away, but not for client credentials', async () => {
    world.database.goAway();
    expect(await links.reconnectUri(connection)).toMatch(/^https:\/\/broker\.example\/connect\/./);
    expect(await links.reconnectUri(sampleConnection({ grantType: 'client_credentials' }))).toBeUndefined();
  });
});
