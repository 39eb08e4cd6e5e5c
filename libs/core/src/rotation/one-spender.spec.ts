import fc from 'fast-check';
import { withFakeTimers } from '../../../../test/harness/fakes/index.js';
import {
  history,
  Interleaving,
  sentTwice,
  stateWhileSent,
  UIDS,
} from '../../../../test/harness/interleaving.js';

describe('P1, P4: whatever three replicas, a database and an authorization server do', () => {
  withFakeTimers();

  it('no generation is sent twice but for the probe, and none is lost silently', async () => {
    let rotations = 0;
    let probes = 0;
    let crashes = 0;
    let failovers = 0;
    let freezes = 0;
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), history, async (scheduler, { deeds, steps, troubles, client }) => {
        const run = new Interleaving(scheduler, steps, troubles, client);
        for (const uid of UIDS) {
          await run.world.addConnection({ uid });
          await run.world.addAccessToken(uid, 3_600_000);
        }
        run.world.server.witness = (lineage) => stateWhileSent(run.world, lineage.replace('lineage', 'uid'));
        await run.happens(deeds);
        await run.calmDown();

        expect(sentTwice(run.world)).toEqual([]);
        run.expectNothingLost();
        expect(run.deadWithoutSayingSo).toEqual([]);
        expect(UIDS.filter((uid) => run.world.connection(uid).attempt)).toEqual([]);
        probes += run.world.server.ledger.filter(({ seen }) => seen === 'IN_DOUBT').length;
        crashes += run.happened.crashes;
        failovers += run.happened.failovers;
        freezes += run.freezes;
        rotations += run.world.events.ofType('rotation.succeeded').length;
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 250) },
    );
    // The histories do something: there are rotations and probes among them.
    expect(rotations).toBeGreaterThan(30);
    expect(probes).toBeGreaterThan(0);
    expect(crashes).toBeGreaterThan(20);
    expect(failovers).toBeGreaterThan(5);
    expect(freezes).toBeGreaterThan(0);
  }, 300_000);
});
