import type { EntityManager } from 'typeorm';
import type { OAuthClientRow } from '../rows.js';

type Settings = Pick<OAuthClientRow, 'id' | 'refresh_token_idle_ttl_ms' | 'authorization_ttl_ms'>;

/**
 * What is known of lifetimes follows an OAuth client whose settings of them have changed: from what is configured
 * where something is, and from nothing where it is not any more, until the next answer says. Rotations that would
 * come too late are brought forward, spread over the first half of what is left. Rows that are locked are being
 * rotated: their save brings the same. The revision stays: nothing that replicas hold has changed.
 */
const FOLLOW = `
  WITH chosen AS MATERIALIZED (
    SELECT uid FROM token_broker.connection
    WHERE client_id = $1 AND grant_type = 'refresh_token' AND state IN ('ACTIVE', 'IN_DOUBT', 'PAUSED')
    FOR UPDATE SKIP LOCKED)
  UPDATE token_broker.connection c SET
    refresh_expires_at = CASE WHEN $2::boolean
      THEN last_rotated_at + $3::float8 * interval '1 millisecond' ELSE refresh_expires_at END,
    due_at = CASE WHEN $2::boolean AND state = 'ACTIVE'
      THEN least(due_at, now() + random() * 0.5 * greatest(interval '0',
        last_rotated_at + $3::float8 * interval '1 millisecond' - now())) ELSE due_at END,
    authorization_expires_at = CASE WHEN $4::boolean
      THEN authorized_at + $5::float8 * interval '1 millisecond' ELSE authorization_expires_at END
  FROM chosen WHERE c.uid = chosen.uid`;

/** Lets the connections of an OAuth client follow its settings; does nothing where these are as before. */
export async function followLifetimes(
  manager: EntityManager,
  before: Settings,
  after: Settings,
): Promise<void> {
  const idleChanged = before.refresh_token_idle_ttl_ms !== after.refresh_token_idle_ttl_ms;
  const authorizationChanged = before.authorization_ttl_ms !== after.authorization_ttl_ms;
  if (!idleChanged && !authorizationChanged) return;
  await manager.query(FOLLOW, [
    after.id,
    idleChanged,
    after.refresh_token_idle_ttl_ms,
    authorizationChanged,
    after.authorization_ttl_ms,
  ]);
}
