/** What an authorization server does with a refresh token that has been spent already. */
export type Reuse =
  /** It is as good as before: refresh tokens are not single-use there. */
  | 'accepted'
  /** It is refused, and the tokens that came after it stay good. */
  | 'refused'
  /** It is refused, and the whole lineage ends with it (RFC 9700 section 4.14.2). */
  | 'revokes';

/** Whether a refresh token that may have been spent may be tried once more: as late as is safe, or not at all. */
export type ProbePolicy = 'late' | 'never';

/** What an answer has to have, beside its status, to count as "not processed". */
export type NotProcessedProof =
  /** The status alone says it. */
  | 'status'
  /** A `Retry-After` header: somebody who knows what came in says to come again. */
  | 'retry-after'
  /** The page that http.sys answers by itself while the application behind it is stopped. */
  | 'http-sys-page';

/** A status that says that the request was not processed; each of the proofs is enough. */
export interface NotProcessed {
  readonly status: number;
  readonly proofs: readonly NotProcessedProof[];
}

/** What an answer without a token can mean for the refresh token that was sent. */
export type AnswerMeaning = 'final' | 'refused' | 'doubtful';

/**
 * Says what an answer means where its error code alone does not. All conditions that are there have to hold;
 * within one, any of its values is enough.
 */
export interface AnswerRule {
  /** HTTP statuses; absent: those that carry errors, {@link ProfileSettings.errorStatuses}. */
  readonly statuses?: readonly number[];
  /** Values of `error` (RFC 6749 section 5.2). */
  readonly errors?: readonly string[];
  /** Whole words that the description has in it, whatever their case. */
  readonly phrases?: readonly string[];
  /** What the body is, where it is no JSON. */
  readonly body?: 'empty' | 'html';
  readonly meaning: AnswerMeaning;
}

/** How authorization servers differ, setting by setting. A preset has all of them, an OAuth client its own few. */
export interface ProfileSettings {
  /** Error codes (RFC 6749 section 5.2) that end an authorization for good. */
  readonly finalErrors: readonly string[];
  /** Error codes that say that the request was turned down before the refresh token was looked at. */
  readonly refusedErrors: readonly string[];
  /** Looked at before the error codes; the first that fits decides. An OAuth client's own come first. */
  readonly answerRules: readonly AnswerRule[];
  /** HTTP statuses whose `error` is the token endpoint's own word. */
  readonly errorStatuses: readonly number[];
  /** What proves that a request was not processed. */
  readonly notProcessed: readonly NotProcessed[];
  /** Whether the one probe of a doubt is permitted. */
  readonly probe: ProbePolicy;
  /** What a spent refresh token gets when it is sent again, after the grace window. */
  readonly reuse: Reuse;
  /** Whether an exchange brings another refresh token; where not, the old one stays good. */
  readonly rotates: boolean;
  /** How long a spent refresh token still works, in milliseconds from its first use. */
  readonly graceWindowMs: number;
  /**
   * Whether `prompt=consent` goes along with `offline_access`. OpenID Connect Core section 11 asks for it,
   * and some servers drop `offline_access` silently without it.
   */
  readonly consentForOfflineAccess: boolean;
  /** Parameters of the authorization request that the server wants beside those of the standard. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
}

/** How one authorization server, or one OAuth client of it, deviates. */
export interface Profile extends ProfileSettings {
  readonly name: string;
}

/** The profiles that OAuth clients may have. */
export interface ProfileCatalog {
  /** The presets, in the order of their names. */
  readonly presets: readonly Profile[];
  /** The preset of this name with an OAuth client's own settings over it; the strictest where it is unknown. */
  profileOf(name: string, settings?: Partial<ProfileSettings>): Profile;
  /** Every mistake in an OAuth client's own settings, each a sentence; none where they are fine. */
  mistakesIn(settings: Partial<ProfileSettings>): string[];
}
