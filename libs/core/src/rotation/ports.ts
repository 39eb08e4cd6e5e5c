import type { Attempt, Connection, LastError, StoredAccessToken } from '../connection/connection.js';
import type { Canary, Freeze, OAuthClient } from '../oauth-client/oauth-client.js';
import type { Sealed } from '../sealer.js';
import type { Secret } from '../secret.js';
import type { RotationProfile } from './rotation-profile.js';
import type { BudgetLimit } from './budget.js';

/** A connection whose rotation this replica has committed to try (step 1 of the protocol). */
export interface Claim {
  readonly connection: Connection;
  readonly attempt: Attempt;
  /** {@link Clock.monotonic} of this process when the claim was asked for; its deadline counts from here. */
  readonly claimedAtMonotonic: number;
  /** Present where this rotation is the one by which its OAuth client has to prove itself. */
  readonly canary?: Canary;
}

/** What the background may begin now for one OAuth client. */
export interface ClaimBatch {
  readonly claims: readonly Claim[];
  /**
   * When asking again may bring more, in milliseconds from now. Absent: nothing more is due, or the OAuth
   * client is frozen, or this replica may not spend.
   */
  readonly againInMs?: number;
  /** Present where the budget kept from claiming more. */
  readonly limit?: BudgetLimit;
}

/** What came of a claim on demand. */
export type DemandClaim =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  /** Somebody else is at it, or it is not to be spent. */
  | { readonly kind: 'busy' }
  /** The budget of its OAuth client has nothing left, or is being used by another replica this moment. */
  | { readonly kind: 'noBudget'; readonly limit: BudgetLimit; readonly retryInMs: number }
  | { readonly kind: 'frozen'; readonly freeze: Freeze };

/**
 * Who claims, and how long nobody else may take the attempt over. A replica that is not admitted, or that
 * knows of later attempts than the database does, gets nothing: see `Membership`.
 */
export interface ClaimRequest {
  readonly replica: string;
  readonly spoolId: string;
  readonly bootId: string;
  readonly attemptDeadlineMs: number;
  /** The highest attempt number that this replica's spool knows; a database below it has been put back. */
  readonly attemptFloor: number;
}

/** What an attempt changes in the row of its connection. */
export type RotationChange =
  | {
      readonly kind: 'rotated';
      /** The generation from now on. */
      readonly generation: number;
      /** Absent for client credentials. */
      readonly refreshToken?: Sealed;
      readonly accessToken: StoredAccessToken;
      /** Present where the answer named another scope than before and the default variant was asked for. */
      readonly scopes?: readonly string[];
      readonly tokenTtlMs: number;
      /** Absent where the rotation was for another variant: the default one's plan stands. */
      readonly dueAt?: number;
      /** Of the refresh token from now on; absent: not known, or never. */
      readonly refreshExpiresAt?: number;
      /** Absent: not known, or never. */
      readonly authorizationExpiresAt?: number;
    }
  | {
      /** The token was not spent: try again. */
      readonly kind: 'released';
      readonly lastError: LastError;
      readonly failureCount: number;
      readonly notBefore: number;
      /** The failure is one variant's: the connection's own plan stands. */
      readonly variantOnly?: boolean;
    }
  | {
      readonly kind: 'denied';
      readonly lastError: LastError;
      /**
       * What is saved instead while the OAuth client is frozen: nothing is given up by the word of a server that
       * may be confused. Absent where the denial was that of a probe, which is not repeated (promise P1).
       */
      readonly whileFrozen?: { readonly lastError: LastError; readonly probeAt: number };
    }
  | {
      /** The token may have been spent; `probeAt` is when to find out. */
      readonly kind: 'doubted';
      readonly lastError: LastError;
      readonly probeAt: number;
      /** The spool that may still have the answer; absent where the answer is known to be gone. */
      readonly askSpool?: string;
    };

/** A change that brings no token. */
export type FailureChange = Exclude<RotationChange, { kind: 'rotated' }>;

/**
 * A change together with what guards it. A new refresh token counts as long as the row is still at the
 * generation and the authorization that it came from, whatever has become of the attempt: it is the only one
 * there is (promise P3). Every other change counts for the present attempt, or for the one whose answer is in
 * doubt while nobody else is at it: what is known of that one settles the doubt.
 */
export interface RotationSave {
  readonly uid: string;
  readonly generation: number;
  readonly authorizationEpoch: number;
  readonly attemptId: string;
  readonly change: RotationChange;
  /**
   * For a redo after a failover that lost the attempt itself: a failure counts as long as the row is at this
   * revision, and nobody is at it.
   */
  readonly atRevision?: number;
}

/**
 * `superseded`: the row has moved on without this attempt; nothing was changed. `doubted`: a denial that was
 * saved as a doubt, since the OAuth client is frozen.
 */
export type SaveResult = 'saved' | 'superseded' | 'doubted';

/** An attempt whose row lock this replica holds (step 2). */
export interface HeldAttempt {
  /** The connection as it stands under the lock. */
  readonly connection: Connection;
  /** Saves and commits under the lock (step 7). */
  save(save: RotationSave): Promise<SaveResult>;
  /** Lets the lock go; without a save before, nothing was changed. Never throws. */
  release(): Promise<void>;
}

/**
 * The rows of connections, as rotation needs them. Every method throws `StoreUnavailableError` where the
 * database is away.
 */
export interface RotationStore {
  /** The OAuth clients that have something due and are not frozen, the longest overdue first. */
  dueClients(): Promise<string[]>;
  /**
   * Commits an attempt for up to `limit` due connections of one OAuth client that nobody else is at, the
   * soonest to expire first, and takes them from its budget (step 1).
   */
  claimDue(
    request: ClaimRequest & { readonly clientId: string; readonly limit: number },
  ): Promise<ClaimBatch>;
  /** Commits an attempt for one connection, due or not, and takes it from the budget of its OAuth client. */
  claimOne(uid: string, request: ClaimRequest): Promise<DemandClaim>;
  /** Takes the row lock and checks that the attempt is still there; `undefined` where it is not. */
  hold(claim: Claim): Promise<HeldAttempt | undefined>;
  /** Saves in a transaction of its own, for when the lock was lost. Saving twice is saving once. */
  save(save: RotationSave): Promise<SaveResult>;
  /** Attempts that are past their deadline and whose row lock can be had: their replica is gone. */
  takeOver(limit: number, decide: (connection: Connection) => FailureChange): Promise<Connection[]>;
  /** Connections with an attempt of this replica's spool, whichever boot of the replica made it. */
  attemptsOf(spoolId: string): Promise<Connection[]>;
  /** Connections in doubt whose answer this spool may still have. */
  doubtsOf(spoolId: string): Promise<Connection[]>;
  /** One connection as it stands now. */
  find(uid: string): Promise<Connection | undefined>;
  /** Several of them, in no particular order. */
  findAll(uids: readonly string[]): Promise<Connection[]>;
}

/** What is asked of the token endpoint. */
export type TokenRequest = {
  readonly scopes: readonly string[];
  readonly resource: string;
} & (
  | { readonly grantType: 'refresh_token'; readonly refreshToken: Secret }
  | { readonly grantType: 'client_credentials' }
);

/** What came back over HTTP, before anybody judges it. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; only those that matter for the judgement. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Secret;
}

/** How the one POST went. */
export type SendResult =
  | { readonly kind: 'answered'; readonly answer: RawAnswer }
  /** Not a byte of the request was written: the token is unspent. */
  | { readonly kind: 'notSent'; readonly code: string; readonly description: string }
  /** The request was written, or may have been, and no whole answer came: the token may be spent. */
  | { readonly kind: 'unanswered'; readonly code: string; readonly description: string };

/** What an answer means, by the profile of its authorization server. */
export type Interpretation =
  | {
      readonly kind: 'granted';
      readonly accessToken: Secret;
      readonly tokenType: string;
      /** Absent where the answer did not say. */
      readonly expiresInMs?: number;
      /** Absent where the old one stays good. */
      readonly refreshToken?: Secret;
      readonly scopes?: readonly string[];
      /** How long the refresh token may be held without being used; absent where the answer did not say. */
      readonly refreshTokenExpiresInMs?: number;
      /** How long the authorization lasts; absent where the answer did not say. */
      readonly authorizationExpiresInMs?: number;
    }
  /** The server's word that it did not process the request, or that it does not accept this client. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly description: string;
      readonly retryAfterMs?: number;
    }
  /** The server's definite word that the authorization is over. */
  | { readonly kind: 'final'; readonly code: string; readonly description: string }
  /** Neither: the token may have been spent. */
  | { readonly kind: 'doubtful'; readonly code: string; readonly description: string };

/** An exchange that is ready to go: its endpoint is known. */
export interface TokenExchange {
  /**
   * Sends one POST, without any retry, on a connection of its own.
   * @param limits.mayWrite is asked right before the first byte; `false` means that not a byte may be written
   * @param limits.timeoutMs the hard deadline of the whole exchange
   */
  send(
    request: TokenRequest,
    limits: { readonly mayWrite: () => boolean; readonly timeoutMs: number },
  ): Promise<SendResult>;
}

/** The token endpoints of authorization servers. */
export interface TokenEndpoint {
  /**
   * Makes ready what may fail without a token being at stake: discovery, client authentication.
   * @returns the exchange, or why it cannot be had now
   */
  prepare(
    client: OAuthClient,
    clientSecret: Secret | undefined,
  ): Promise<TokenExchange | { readonly notReady: LastError['code']; readonly description: string }>;
  /** Judges an answer, fresh or journaled; pure. */
  interpret(client: OAuthClient, answer: RawAnswer): Interpretation;
  /** What has to be known of the server before it has answered; pure. */
  profileOf(client: OAuthClient): RotationProfile;
}

/** The registered OAuth clients, from memory where possible. */
export interface ClientSource {
  client(clientId: string): Promise<OAuthClient | undefined>;
}
