import type { AdapterPayload } from 'oidc-provider';
import { fingerprint } from './fingerprint.js';
import type { JsonlFile } from './jsonl-file.js';

interface Row {
  model: string;
  /** SHA-256 of the id. The id of an opaque token *is* the token: it is never kept. */
  key: string;
  payload: AdapterPayload;
  /** Milliseconds since the epoch; null for never. */
  expiresAt: number | null;
}

type LogLine =
  | ({ op: 'upsert' } & Row)
  | { op: 'consume'; model: string; key: string; consumed: number }
  | { op: 'destroy'; model: string; key: string };

/**
 * Models worth keeping over a restart. The rest (interactions, replay detection) is short-lived and may
 * hold a session cookie's value, so it stays in memory.
 */
const DURABLE = new Set(['Grant', 'RefreshToken', 'AuthorizationCode', 'Session']);

/** The authorization server's state: in memory, and as an append-only log when there is a file. */
export class StateStore {
  readonly #rows = new Map<string, Row>();
  readonly #byGrant = new Map<string, Set<string>>();
  readonly #sessionByUid = new Map<string, string>();
  readonly #file: JsonlFile | undefined;

  constructor(file?: JsonlFile) {
    this.#file = file;
    for (const line of file?.read() ?? []) this.#apply(line as LogLine);
    this.sweep();
    file?.replace([...this.#rows.values()].map((row): LogLine => ({ op: 'upsert', ...row })));
  }

  upsert(model: string, id: string, payload: AdapterPayload, expiresIn: number | undefined): void {
    const { jti: _theTokenItself, ...rest } = payload;
    const expiresAt = expiresIn === undefined ? null : Date.now() + expiresIn * 1000;
    this.#record({ op: 'upsert', model, key: fingerprint(id), payload: structuredClone(rest), expiresAt });
  }

  find(model: string, id: string): AdapterPayload | undefined {
    const row = this.#live(nameOf(model, fingerprint(id)));
    return row && { ...structuredClone(row.payload), jti: id };
  }

  /**
   * The session with this public uid. Its id (the cookie's value) is not known here and not needed:
   * oidc-provider only compares account and grants of a session found this way.
   */
  findSessionByUid(uid: string): AdapterPayload | undefined {
    const row = this.#live(this.#sessionByUid.get(uid) ?? '');
    return row && structuredClone(row.payload);
  }

  /** Marks a one-time row as used; false when it had been used before. Atomic: no await inside. */
  consume(model: string, id: string): boolean {
    const key = fingerprint(id);
    const row = this.#live(nameOf(model, key));
    if (!row || row.payload.consumed) return false;
    this.#record({ op: 'consume', model, key, consumed: Math.floor(Date.now() / 1000) });
    return true;
  }

  destroy(model: string, id: string): void {
    this.#record({ op: 'destroy', model, key: fingerprint(id) });
  }

  /** Removes the rows of one model that hang on a grant. */
  revokeByGrantId(model: string, grantId: string): void {
    for (const name of this.#byGrant.get(grantId) ?? []) {
      const row = this.#rows.get(name);
      if (row?.model === model) this.#record({ op: 'destroy', model, key: row.key });
    }
  }

  /** Ends a grant with everything that hangs on it. */
  revokeGrant(grantId: string): void {
    this.revokeByGrantId('RefreshToken', grantId);
    this.revokeByGrantId('AuthorizationCode', grantId);
    this.destroy('Grant', grantId);
  }

  /** Grant ids that have a refresh token and match. */
  grantIds(match: { accountId?: string; clientId?: string }): string[] {
    const found = new Set<string>();
    for (const { model, payload } of this.#rows.values()) {
      if (model !== 'RefreshToken' || payload.grantId === undefined) continue;
      if (match.accountId !== undefined && payload.accountId !== match.accountId) continue;
      if (match.clientId !== undefined && payload.clientId !== match.clientId) continue;
      found.add(payload.grantId);
    }
    return [...found];
  }

  /** Forgets what has expired. */
  sweep(): void {
    const now = Date.now();
    for (const [name, row] of this.#rows) {
      if (row.expiresAt !== null && row.expiresAt <= now) this.#remove(name);
    }
  }

  close(): void {
    this.#file?.close();
  }

  #live(name: string): Row | undefined {
    const row = this.#rows.get(name);
    return row && (row.expiresAt === null || row.expiresAt > Date.now()) ? row : undefined;
  }

  #record(line: LogLine): void {
    if (DURABLE.has(line.model)) this.#file?.append(line);
    this.#apply(line);
  }

  #apply(line: LogLine): void {
    const name = nameOf(line.model, line.key);
    if (line.op === 'destroy') {
      this.#remove(name);
    } else if (line.op === 'consume') {
      const row = this.#rows.get(name);
      if (row) row.payload.consumed = line.consumed;
    } else {
      this.#remove(name);
      const { op: _op, ...row } = line;
      this.#rows.set(name, row);
      const { grantId, uid } = row.payload;
      if (grantId !== undefined && row.model !== 'Interaction') {
        const members = this.#byGrant.get(grantId) ?? new Set();
        this.#byGrant.set(grantId, members.add(name));
      }
      if (row.model === 'Session' && uid !== undefined) this.#sessionByUid.set(uid, name);
    }
  }

  #remove(name: string): void {
    const row = this.#rows.get(name);
    if (!row) return;
    this.#rows.delete(name);
    const { grantId, uid } = row.payload;
    if (grantId !== undefined) {
      const members = this.#byGrant.get(grantId);
      members?.delete(name);
      if (members?.size === 0) this.#byGrant.delete(grantId);
    }
    if (uid !== undefined && this.#sessionByUid.get(uid) === name) this.#sessionByUid.delete(uid);
  }
}

function nameOf(model: string, key: string): string {
  return `${model}:${key}`;
}
