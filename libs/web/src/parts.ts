import type { BrowserAuthorization, EventSink } from '#libs/core';

/** Whether the replica can be used; each check by its name. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** What the pages and the operators' endpoints stand in front of. */
export interface WebParts {
  readonly authorization: Pick<BrowserAuthorization, 'invitation' | 'begin' | 'complete'>;
  /** How browsers reach us, without a trailing slash. */
  readonly publicUrl: string;
  /** Looks at memory only: a probe must not depend on the database (promise P6). */
  readonly readiness: () => Readiness;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly events: EventSink;
}

/** Injection token of {@link WebParts}. */
export const WEB_PARTS = Symbol('WebParts');
