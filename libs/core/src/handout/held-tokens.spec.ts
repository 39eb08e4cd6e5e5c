import { FakeReplica, FakeWorld, settle } from '../../../../test/harness/fakes/index.js';
import type { HeldTokens } from './held-tokens.js';

const NAME = 'clients/c/connections/u1';
let world: FakeWorld;
let replica: FakeReplica;
let held: HeldTokens;

beforeEach(async () => {
  world = new FakeWorld();
  replica = new FakeReplica(world, 'replica-1', 3);
  ({ held } = replica);
  await world.addConnection();
});

const load = async (uid = 'uid-1'): Promise<void> => {
  const [found] = await replica.tokens.findByUids([uid]);
  if (found) await held.keep(found);
};

const valueHeld = (name = NAME, variant = ''): string | undefined =>
  held.get(name)?.tokens.get(variant)?.token.reveal();

describe('the tokens that a replica holds', () => {
  it('are opened from what the database has, all variants', async () => {
    const first = await world.addAccessToken('uid-1', 3_600_000);
    const second = await world.addAccessToken('uid-1', 3_600_000, { variantKey: 'v' });
    await load();
    expect([valueHeld(), valueHeld(NAME, 'v')]).toEqual([first.reveal(), second.reveal()]);
  });

  it('are bounded: the least recently loaded goes first', async () => {
    for (let i = 2; i <= 4; i += 1) await world.addConnection({ uid: `uid-${i}` });
    for (const uid of ['uid-1', 'uid-2', 'uid-1', 'uid-3', 'uid-4']) await load(uid);
    expect(held.size).toBe(3);
    expect(held.get('clients/c/connections/u2')).toBeUndefined();
    expect(held.get(NAME)).toBeDefined();
  });

  it('stay where what comes in is older', async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    const [old] = await replica.tokens.findByUids(['uid-1']);
    const newer = await world.addAccessToken('uid-1', 1_800_000);
    await load();
    await held.keep(old!);
    expect(valueHeld()).toBe(newer.reveal());
  });

  it('P3: are this replica’s own as soon as it has rotated, saved or not', async () => {
    world.database.plan('heldSave', 'away');
    world.database.plan('save', 'away');
    const outcome = await replica.rotate();
    held.rotationEnded(outcome);
    expect(outcome).toMatchObject({ saved: false });
    expect(held.get(NAME)?.connection).toMatchObject({ generation: 2, state: 'ACTIVE' });
    expect(valueHeld()).toBe('access-1');
    await replica.pending.drain(5_000);
  });

  it('an own rotation for one variant keeps the others', async () => {
    const other = await world.addAccessToken('uid-1', 3_600_000, { variantKey: 'v' });
    await load();
    held.rotationEnded(await replica.rotate());
    expect(valueHeld(NAME, 'v')).toBe(other.reveal());
    expect(valueHeld()).toBe('access-2');
  });

  it('an outcome without a token changes nothing', async () => {
    replica.endpoint.plan('refused');
    held.rotationEnded(await replica.rotate());
    expect(held.size).toBe(0);
  });
});

describe('changes made elsewhere', () => {
  beforeEach(async () => {
    await world.addAccessToken('uid-1', 3_600_000);
    await load();
  });

  it('are followed on a hint', async () => {
    const newer = await world.addAccessToken('uid-1', 1_800_000);
    held.changed('uid-1');
    await settle();
    expect(valueHeld()).toBe(newer.reveal());
  });

  it('of what is not held are none of its business', async () => {
    const before = world.database.calls.get('findByUids');
    held.changed('uid-2');
    await settle();
    expect(world.database.calls.get('findByUids')).toBe(before);
  });

  it('are followed where hints were missed', async () => {
    world.database.patch('uid-1', { state: 'PAUSED' });
    held.changedUnknown();
    await settle();
    expect(held.get(NAME)?.connection.state).toBe('PAUSED');
  });

  it('a deleted connection is forgotten', async () => {
    world.database.rows.clear();
    held.changed('uid-1');
    await settle();
    expect(held.get(NAME)).toBeUndefined();
  });

  it('P6: while the database is away what is held stays, and the hint is kept until it is back', async () => {
    const before = valueHeld();
    const newer = await world.addAccessToken('uid-1', 1_800_000);
    world.database.goAway();
    held.changed('uid-1');
    await settle();
    expect(valueHeld()).toBe(before);
    world.database.comeBack();
    held.changedUnknown();
    await settle();
    expect(valueHeld()).toBe(newer.reveal());
    expect(world.events.ofType('fault')).toEqual([]);
  });

  it('another connection under the same name replaces the one that was there', async () => {
    world.database.rows.clear();
    await world.addConnection({ uid: 'uid-9', connectionId: 'u1' });
    const token = await world.addAccessToken('uid-9', 3_600_000);
    await load('uid-9');
    expect(held.get(NAME)?.connection.uid).toBe('uid-9');
    expect(valueHeld()).toBe(token.reveal());
  });

  it('a token that does not open is told of as a fault, and what is held stays', async () => {
    const before = valueHeld();
    const [found] = await replica.tokens.findByUids(['uid-1']);
    world.database.row('uid-1').tokens.set('', { ...found!.tokens[0]!, generation: 7 });
    held.changed('uid-1');
    await settle();
    expect(world.events.ofType('fault')).toMatchObject([{ during: 'reload' }]);
    expect(valueHeld()).toBe(before);
  });
});
