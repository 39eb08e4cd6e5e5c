/** A refresh token was issued. */
export interface IssuedRecord {
  type: 'issued';
  at: string;
  /** SHA-256 (hex) of the refresh token; the token itself is never recorded. */
  fingerprint: string;
  client_id: string;
  /** The chain: one grant, one line of succeeding refresh tokens. */
  grant_id: string;
  sub: string;
  /** Fingerprint of the refresh token that was exchanged for this one; null for the first of a chain. */
  predecessor: string | null;
  /** How many rotations led here. */
  rotations: number;
}

/** A refresh token reached the token endpoint: the whole request body was here. */
export interface PresentedRecord {
  type: 'presented';
  at: string;
  /** Number of this presentation; its outcome refers to it. */
  presentation: number;
  fingerprint: string;
  /** What the request claimed, authenticated or not. */
  client_id: string | null;
  /** Whether this server ever issued the token. */
  known: boolean;
}

/**
 * What became of a presentation:
 * - `granted`: exchanged, and the answer was handed to the network in full;
 * - `granted_answer_lost`: exchanged (the token is spent), but the client cannot have got the answer intact;
 * - `refused`: looked at and refused (`error`);
 * - `not_processed`: a fault kept it away from the token logic; the token is as good as before.
 */
export type PresentationResult = 'granted' | 'granted_answer_lost' | 'refused' | 'not_processed';

/** The outcome of a presentation. */
export interface OutcomeRecord {
  type: 'outcome';
  at: string;
  presentation: number;
  result: PresentationResult;
  /** HTTP status that was sent; null when the connection was cut instead. */
  status: number | null;
  /** The `error` code of RFC 6749 §5.2, when refused. */
  error?: string;
  /** Kind of the fault that was applied. */
  fault?: string;
}

/** A whole chain ended: none of its refresh tokens works any more. */
export interface ChainRevokedRecord {
  type: 'chain_revoked';
  at: string;
  grant_id: string;
  reason: 'reuse' | 'revocation_endpoint' | 'revoked_by_control';
}

/** One line of the ledger. */
export type LedgerRecord = IssuedRecord | PresentedRecord | OutcomeRecord | ChainRevokedRecord;
