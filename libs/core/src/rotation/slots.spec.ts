import { FakeClock, settle, timersRun, withFakeTimers } from '../../../../test/harness/fakes/index.js';
import { Slots, type Slot, type SlotForDemand } from './slots.js';

withFakeTimers();
let clock: FakeClock;
let slots: Slots;

beforeEach(() => {
  clock = new FakeClock();
  slots = new Slots(16, clock);
});

const demand = (client: string, waitMs = 10_000): Promise<SlotForDemand> => {
  const deadline = clock.monotonic() + waitMs;
  return slots.takeForDemand(client, () => deadline);
};
const takeAll = async (client: string, most = 100): Promise<Slot[]> => {
  const taken: Slot[] = [];
  for (let i = 0; i < most; i += 1) {
    const got = await demand(client, 0);
    if ('refused' in got) break;
    taken.push(got.slot);
  }
  return taken;
};
const timePasses = async (ms: number): Promise<void> => {
  clock.advance(ms);
  await timersRun(ms);
};

describe('P6, P11: one hung server never has all slots of a replica', () => {
  it('one OAuth client gets half of those for the background, a second one half of the rest, and so on', () => {
    const got = ['a', 'b', 'c', 'd'].map((client) => slots.takeForBackground(client, 100).length);
    expect(got).toEqual([6, 3, 2, 1]);
  });

  it('two that take in turn end up with a third each', () => {
    for (let i = 0; i < 20; i += 1) for (const client of ['a', 'b']) slots.takeForBackground(client, 1);
    expect([slots.backgroundOf('a'), slots.backgroundOf('b')]).toEqual([4, 4]);
    expect(slots.takeForBackground('c', 100).length).toBeGreaterThan(0);
  });

  it('a share stays for reads on demand, whatever the background takes', async () => {
    for (const client of 'abcdefgh') slots.takeForBackground(client, 100);
    expect(await takeAll('z')).toHaveLength(2);
    expect(await takeAll('y')).toHaveLength(1);
  });

  it('reads of a hung server leave some for reads of another, and for its background', async () => {
    slots.takeForBackground('hung', 100);
    expect(await takeAll('hung')).toHaveLength(5);
    expect(slots.takeForBackground('well', 100).length).toBeGreaterThan(0);
    expect((await takeAll('well')).length).toBeGreaterThan(0);
  });

  it.each([1, 2, 3])('with %d slots in all, everybody gets on', async (total) => {
    slots = new Slots(total, clock);
    const [mine] = slots.takeForBackground('a', 100);
    expect(mine).toBeDefined();
    mine?.release();
    expect((await takeAll('a')).length).toBeGreaterThan(0);
  });
});

describe('the queue', () => {
  const order: string[] = [];
  const wait = (client: string, who: string, waitMs?: number): Promise<SlotForDemand> =>
    demand(client, waitMs).then((got) => {
      order.push('slot' in got ? who : `${who}: ${got.refused}`);
      return got;
    });

  beforeEach(() => order.splice(0));

  it('is first come, first served, and says that there was a wait', async () => {
    const taken = await takeAll('a');
    const both = [wait('a', 'first'), wait('a', 'second')];
    await settle();
    for (const slot of taken) slot.release();
    expect(await Promise.all(both)).toMatchObject([{ waited: true }, { waited: true }]);
    expect(order).toEqual(['first', 'second']);
  });

  it('a slot given back twice counts once', async () => {
    const [first, ...others] = await takeAll('a');
    void wait('a', 'first');
    void wait('a', 'second');
    first?.release();
    first?.release();
    await settle();
    expect(order).toEqual(['first']);
    others[0]?.release();
    await settle();
    expect(order).toEqual(['first', 'second']);
  });

  it('each waits by its own deadline, which may move on', async () => {
    await takeAll('a');
    let deadline = clock.monotonic() + 1_000;
    void slots.takeForDemand('a', () => deadline).then(() => order.push('moved on'));
    void wait('a', 'short', 500);
    await timePasses(500);
    expect(order).toEqual(['short: deadline passed']);
    deadline += 1_000;
    await timePasses(500);
    expect(order).toHaveLength(1);
    await timePasses(1_000);
    expect(order).toEqual(['short: deadline passed', 'moved on']);
    expect(slots.waiting).toBe(0);
  });

  it('is bounded for each OAuth client, so that the queue of one is not in the way of another', async () => {
    slots = new Slots(16, clock, 2);
    await takeAll('a');
    void wait('a', 'a1');
    void wait('a', 'a2');
    expect(await demand('a')).toEqual({ refused: 'too many waiting' });
    expect(await demand('b')).toMatchObject({ waited: false });
  });

  it('nobody waits any more once it is closed', async () => {
    await takeAll('a');
    const waiting = demand('a');
    slots.close();
    expect(await waiting).toEqual({ refused: 'closed' });
    expect(await demand('b')).toEqual({ refused: 'closed' });
  });

  it('gives what is free to the OAuth client that has the fewest', async () => {
    const many = await takeAll('a');
    const few = await takeAll('b');
    const more = await takeAll('c', 100);
    expect([many.length, few.length, more.length]).toEqual([8, 4, 2]);
    void wait('a', 'a');
    void wait('c', 'c');
    await settle();
    for (const slot of many.slice(0, 2)) slot.release();
    await settle();
    expect(order[0]).toBe('c');
  });
});
