import { STORM_LIMITS, type OAuthClient, type RotationTimings, type StormLimits } from '#libs/core';
import { CollectedEvents } from './collected-events.js';
import { FakeAuthorizationServer } from './fake-authorization-server.js';
import { FakeClock } from './fake-clock.js';
import { FakeDatabase } from './fake-database.js';
import { FakeSealer } from './fake-sealer.js';

/** What all replicas share: one database, one authorization server, one key ring, one clock. */
export class FakeSurroundings {
  readonly clock = new FakeClock();
  readonly database = new FakeDatabase(this.clock);
  readonly server = new FakeAuthorizationServer();
  readonly sealer = new FakeSealer();
  readonly events = new CollectedEvents();
  readonly clients: Map<string, OAuthClient> = this.database.clients;
  stormLimits: StormLimits = STORM_LIMITS;
  readonly timings: RotationTimings = { exchangeTimeoutMs: 20_000, attemptDeadlineMs: 60_000 };
}
