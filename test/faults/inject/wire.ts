import { machineMs } from '../broker/tell.js';
import { TIMINGS } from '../fleet/timings.js';
import type { PlannedFault } from '../plan/plan.js';
import { STATEMENT_FAULTS, type StatementFault } from '../proxy/database-proxy.js';
import { EXCHANGE_FAULTS, type ExchangeFault } from '../proxy/exchange-proxy.js';
import { between, within, type Context } from './context.js';

const isExchangeFault = (kind: string): kind is ExchangeFault =>
  (EXCHANGE_FAULTS as readonly string[]).includes(kind);
const isStatementFault = (kind: string): kind is StatementFault =>
  (STATEMENT_FAULTS as readonly string[]).includes(kind);

/** What happens to one exchange, or to one statement, on its way. */
export async function onTheWire(context: Context, fault: PlannedFault): Promise<boolean> {
  const { kind } = fault;
  if (isExchangeFault(kind)) return exchange(context, fault, kind);
  if (isStatementFault(kind)) return statement(context, fault, kind);
  throw new Error(`${kind} is no fault of the wire`);
}

async function exchange(
  { fleet, journal }: Context,
  { replica: index, length }: PlannedFault,
  kind: ExchangeFault,
): Promise<boolean> {
  const replica = fleet.replica(index);
  const { exchangeTimeoutMs } = TIMINGS;
  const delayMs =
    kind === 'late_answer'
      ? between(exchangeTimeoutMs + 50, exchangeTimeoutMs + 1_500, length)
      : between(20, exchangeTimeoutMs / 2, length);
  const armed = replica.server.arm(kind, delayMs);
  const hit = await within(armed.hit);
  armed.disarm();
  if (!hit) return false;
  const at = machineMs();
  journal.hit({ kind, replica: replica.name, fingerprint: hit.fingerprint, at, until: at + delayMs });
  return true;
}

async function statement(
  { fleet, journal }: Context,
  { replica: index, length }: PlannedFault,
  kind: StatementFault,
): Promise<boolean> {
  const replica = fleet.replica(index);
  const silentMs = between(500, 6_000, length);
  const armed = replica.database.arm(kind, { afterMs: between(0, 30, length), silentMs });
  const hit = await within(armed.hit);
  armed.disarm();
  if (!hit) return false;
  const at = machineMs();
  const until = kind === 'lock_silent' ? at + silentMs : at;
  journal.hit({ kind, replica: replica.name, at, until, ...hit });
  return true;
}
