import type { NodeAddress } from './patroni-config.js';

/** A member of the cluster as Patroni's `GET /cluster` tells it. */
export interface Member {
  readonly name: string;
  /** `leader`, `sync_standby`, `replica`, … */
  readonly role: string;
  /** `running`, `streaming` (newer versions), `starting`, … */
  readonly state: string;
  readonly timeline?: number;
  readonly lag?: number | string;
}

const ANSWER_WITHIN_MS = 1_500;

/** The members as the first node that answers knows them; empty where none does. */
export async function readMembers(nodes: readonly NodeAddress[]): Promise<Member[]> {
  for (const { restPort } of nodes) {
    try {
      const response = await fetch(`http://127.0.0.1:${restPort}/cluster`, {
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      return ((await response.json()) as { members: Member[] }).members;
    } catch {
      // This one is down or frozen; another one knows.
    }
  }
  return [];
}

/** Calls a node's REST API. @throws where it refuses */
export async function callPatroni(
  node: NodeAddress,
  method: 'PATCH' | 'POST',
  path: string,
  body: object,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${node.restPort}/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

/** Whether a node says of itself that it is the primary: what HAProxy asks. */
export async function saysPrimary(node: NodeAddress): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${node.restPort}/primary`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return response.status === 200;
  } catch {
    return false;
  }
}
