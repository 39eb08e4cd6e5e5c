import { Secret } from '#libs/core';

/** What the authorization server does with one request. */
export type ServerStep =
  /** Takes the refresh token and gives the next one. */
  | 'grant'
  /** Grants, and lets the old refresh token stand. */
  | 'grant, same refresh token'
  /** `invalid_grant`, whatever was sent. */
  | 'final'
  /** 429: was not looked at. */
  | 'refused'
  /** The connection was refused: nothing was written. */
  | 'not sent'
  /** Takes the refresh token, and the answer is lost on its way. */
  | 'consumed, answer lost'
  /** The request itself is lost on its way; only the caller cannot know. */
  | 'request lost'
  /** Takes the refresh token, and answers 500. */
  | 'consumed, 500';

/** One refresh token that came in. */
export interface Presented {
  readonly lineage: string;
  /** The number of the token within its lineage, from 1. */
  readonly number: number;
  readonly step: ServerStep;
  /** Whether it had been used up before: reuse, which ends the lineage. */
  readonly reused: boolean;
  /** What the witness saw at that moment. */
  readonly seen: string;
}

interface Issued {
  readonly lineage: string;
  readonly number: number;
  spent: boolean;
}

/**
 * An authorization server with single-use refresh tokens and reuse detection, and a ledger of its own: it
 * knows what was really sent and really spent, whatever the broker believes.
 */
export class FakeAuthorizationServer {
  /** Every refresh token that reached the server, in order. */
  readonly ledger: Presented[] = [];
  /** How many requests for client credentials reached the server. */
  clientCredentialsRequests = 0;
  /** Is asked whenever a refresh token comes in; its word goes into the ledger. */
  witness: (lineage: string) => string = () => '';
  private readonly issued = new Map<string, Issued>();
  private readonly ended = new Set<string>();
  private lineages = 0;
  private accessTokens = 0;

  /** A user's first refresh token. */
  begin(): Secret {
    this.lineages += 1;
    return this.issue(`lineage-${this.lineages}`, 1);
  }

  /** The next access token. */
  accessToken(): Secret {
    this.accessTokens += 1;
    return new Secret(`access-${this.accessTokens}`);
  }

  /** Takes a refresh token in; answers the next one, the same one, or `undefined` where it is not good. */
  present(refreshToken: Secret, step: ServerStep): Secret | undefined {
    const token = this.issued.get(refreshToken.reveal());
    if (!token) throw new Error('a refresh token that was never issued');
    const { lineage, number } = token;
    this.ledger.push({ lineage, number, step, reused: token.spent, seen: this.witness(lineage) });
    if (step === 'refused' || step === 'final') return undefined;
    if (token.spent) this.ended.add(lineage);
    if (this.ended.has(lineage)) return undefined;
    if (step === 'grant, same refresh token') return refreshToken;
    token.spent = true;
    return this.issue(lineage, number + 1);
  }

  /** Whether a refresh token would be granted now. */
  isGood(refreshToken: Secret): boolean {
    const token = this.issued.get(refreshToken.reveal());
    return token !== undefined && !token.spent && !this.ended.has(token.lineage);
  }

  /** Whether the server has ended the lineage of a refresh token, since one of it was used twice. */
  hasEnded(refreshToken: Secret): boolean {
    const token = this.issued.get(refreshToken.reveal());
    return token !== undefined && this.ended.has(token.lineage);
  }

  /** The refresh tokens that came in after they had been used up. */
  get reuses(): Presented[] {
    return this.ledger.filter(({ reused }) => reused);
  }

  private issue(lineage: string, number: number): Secret {
    const value = `refresh-${lineage}-${number}`;
    this.issued.set(value, { lineage, number, spent: false });
    return new Secret(value);
  }
}
