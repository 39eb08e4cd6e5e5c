import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind as ServerFault, PresentedRecord } from '../../../apps/dev-as/src/index.js';
import { machineMs } from '../broker/tell.js';
import { TIMINGS } from '../fleet/timings.js';
import type { PlannedFault } from '../plan/plan.js';
import { between, OCCASION_MS, within, type Context } from './context.js';

/** Faults of the authorization server's own: it knows the token when it answers as it should not. */
export async function ofTheServer(context: Context, fault: PlannedFault): Promise<boolean> {
  const kind = fault.kind.slice('own_'.length) as ServerFault;
  try {
    return kind === 'down' ? await down(context, fault) : await oneExchange(context, fault, kind);
  } catch (error) {
    // It has been killed meanwhile, and its faults with it.
    context.journal.note('the authorization server could not be asked', { error: String(error) });
    return false;
  }
}

async function oneExchange(
  { fleet, journal }: Context,
  { kind: name, length }: PlannedFault,
  kind: ServerFault,
): Promise<boolean> {
  const presented = new Map<number, PresentedRecord>();
  let told: (record: PresentedRecord) => void = () => undefined;
  const hit = new Promise<PresentedRecord>((resolve) => (told = resolve));
  const stop = fleet.ledger.onRecord((record) => {
    if (record.type === 'presented') presented.set(record.presentation, record);
    if (record.type !== 'outcome' || record.fault !== kind) return;
    const which = presented.get(record.presentation);
    if (which) told(which);
  });
  try {
    await fleet.server.addFault({
      kind,
      grantType: 'refresh_token',
      // Some longer than the exchange may take, some shorter.
      delayMs: between(50, TIMINGS.exchangeTimeoutMs * 1.5, length),
      ...(length < 0.5 ? { retryAfterSeconds: length < 0.25 ? 0 : 1 } : {}),
    });
    const which = await within(hit, OCCASION_MS + TIMINGS.exchangeTimeoutMs);
    if (which === undefined) {
      await fleet.server.clearFaults();
      return false;
    }
    const { fingerprint } = which;
    const at = Date.parse(which.at) - Date.now() + machineMs();
    journal.hit({ kind: name, fingerprint, at, until: machineMs() });
    return true;
  } finally {
    stop();
  }
}

/** The server is there and cuts every connection, until it does not any more. */
async function down({ fleet, journal }: Context, { kind, length }: PlannedFault): Promise<boolean> {
  const at = machineMs();
  await fleet.server.addFault({ kind: 'down' });
  await delay(between(200, 2_500, length));
  // Where it has been killed meanwhile, its faults have ended with it.
  await fleet.server.clearFaults().catch(() => undefined);
  // What was under way when it began is cut as well.
  const hit = journal.exchanges.some(({ endedAt = Infinity }) => endedAt >= at);
  if (hit) journal.hit({ kind, at, until: machineMs() });
  return hit;
}
