import type { OAuthClient, RotationTimings } from '#libs/core';
import { CollectedEvents } from './collected-events.js';
import { FakeAuthorizationServer } from './fake-authorization-server.js';
import { FakeClock } from './fake-clock.js';
import { FakeDatabase } from './fake-database.js';
import { FakeSealer } from './fake-sealer.js';
import { sampleClient } from './samples.js';

/** What all replicas share: one database, one authorization server, one key ring, one clock. */
export class FakeSurroundings {
  readonly clock = new FakeClock();
  readonly database = new FakeDatabase(this.clock);
  readonly server = new FakeAuthorizationServer();
  readonly sealer = new FakeSealer();
  readonly events = new CollectedEvents();
  readonly clients = new Map<string, OAuthClient>([['c', sampleClient()]]);
  readonly timings: RotationTimings = { exchangeTimeoutMs: 20_000, attemptDeadlineMs: 60_000 };
}
