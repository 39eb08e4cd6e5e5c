import { randomUUID } from 'node:crypto';
import type { Workload } from '../access/access.js';
import type { Directory } from '../access/directory.js';
import { requireRole } from '../access/require-role.js';
import { checkScopes } from '../connection/variant.js';
import { BrokerError } from '../errors.js';
import type { EventSink } from '../events.js';
import { checkSegment, clientName } from '../resource-names.js';
import { sealingContext, type Sealer } from '../sealer.js';
import type { Secret } from '../secret.js';
import { budgetMistakes, isAnotherClient } from './client-changes.js';
import type { ClientAuthMethod, Endpoints, OAuthClient } from './oauth-client.js';
import type { Profile, ProfileCatalog, ProfileSettings } from './profile.js';

/** What can be said of an OAuth client; the secret in the clear, on its way to be sealed. */
export interface ClientFields {
  readonly issuer: string;
  readonly endpoints?: Endpoints;
  readonly clientId: string;
  readonly authMethod?: ClientAuthMethod;
  readonly clientSecret?: Secret;
  readonly scopes: readonly string[];
  readonly profile: string;
  readonly rotateAt: number;
  readonly defaultTokenTtlMs: number;
  readonly profileSettings?: Partial<ProfileSettings>;
  readonly refreshTokenIdleTtlMs?: number;
  readonly authorizationTtlMs?: number;
  readonly ratePerSecond: number;
  readonly maxConcurrent: number;
}

/** An OAuth client as it is written. */
export type ClientRow = Omit<OAuthClient, 'freeze' | 'canary' | 'revision' | 'createdAt' | 'updatedAt'>;

/** The rows of OAuth clients. Every method throws `StoreUnavailableError` where the database is away. */
export interface ClientStore {
  /** It has to prove itself first. @throws {BrokerError} `ALREADY_EXISTS` */
  createClient(client: ClientRow): Promise<OAuthClient>;
  /**
   * Replaces it where it is still at this revision; its failing connections are tried again at once, and what
   * is known of lifetimes follows the settings where these have changed.
   * `undefined` where it has changed meanwhile, or is gone.
   * @param needsCanary it has to prove itself with one rotation at a time before the others follow
   */
  replaceClient(
    client: ClientRow,
    fromRevision: number,
    needsCanary: boolean,
  ): Promise<OAuthClient | undefined>;
  /** `false` where it does not exist. @throws {BrokerError} `CLIENT_IN_USE` while it has connections */
  deleteClient(id: string): Promise<boolean>;
}

/** The authorization servers that may be named. */
export interface IssuerRules {
  /** Throws a `BrokerError` for a URL that the broker would not call. */
  checkUrl(url: string, field: string): void;
}

/** What administrators do with OAuth clients. */
export class ClientAdministration {
  constructor(
    private readonly store: ClientStore,
    private readonly directory: Directory,
    private readonly sealer: Sealer,
    private readonly rules: IssuerRules,
    private readonly events: EventSink,
    private readonly profiles: ProfileCatalog,
  ) {}

  async create(caller: Workload, id: string, fields: ClientFields): Promise<OAuthClient> {
    requireRole(caller, 'ADMIN');
    checkSegment(id, "an OAuth client's id");
    const row = await this.rowOf(randomUUID(), id, fields, undefined);
    const created = await this.store.createClient(row);
    await this.changed(caller, 'created', id);
    return created;
  }

  async get(caller: Workload, id: string): Promise<OAuthClient> {
    requireRole(caller, 'READER');
    return this.existing(id);
  }

  async list(caller: Workload): Promise<OAuthClient[]> {
    requireRole(caller, 'READER');
    await this.directory.tryRefresh();
    return this.directory.all().sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The profiles that OAuth clients may have. */
  async listProfiles(caller: Workload): Promise<readonly Profile[]> {
    requireRole(caller, 'READER');
    return this.profiles.presets;
  }

  /** The profile of an OAuth client, with its own settings over those of the preset. */
  effectiveProfile(client: OAuthClient): Profile {
    return this.profiles.profileOf(client.profile, client.profileSettings);
  }

  /** @param change makes the new fields from the present ones */
  async update(
    caller: Workload,
    id: string,
    change: (present: OAuthClient) => ClientFields,
  ): Promise<OAuthClient> {
    requireRole(caller, 'ADMIN');
    await this.directory.refresh();
    const present = await this.existing(id);
    const row = await this.rowOf(present.uid, id, change(present), present);
    const updated = await this.store.replaceClient(row, present.revision, isAnotherClient(present, row));
    if (!updated) {
      throw BrokerError.of(
        'STATE_CONFLICT',
        `${clientName(id)} was changed by somebody else meanwhile. Look at it, and try again.`,
      );
    }
    await this.changed(caller, 'updated', id);
    return updated;
  }

  async delete(caller: Workload, id: string): Promise<void> {
    requireRole(caller, 'ADMIN');
    if (!(await this.store.deleteClient(id))) throw notFound(id);
    await this.changed(caller, 'deleted', id);
  }

  private async existing(id: string): Promise<OAuthClient> {
    const client = await this.directory.client(id);
    if (!client) throw notFound(id);
    return client;
  }

  private async changed(caller: Workload, what: string, id: string): Promise<void> {
    await this.directory.tryRefresh();
    this.events.emit({ type: 'admin.changed', by: caller.id, what, resource: clientName(id) });
  }

  private async rowOf(
    uid: string,
    id: string,
    fields: ClientFields,
    present: OAuthClient | undefined,
  ): Promise<ClientRow> {
    const hasSecret = fields.clientSecret !== undefined || present?.clientSecret !== undefined;
    const authMethod = fields.authMethod ?? (hasSecret ? 'client_secret_basic' : 'none');
    this.check(fields, authMethod, hasSecret);
    const secret =
      fields.clientSecret && (await this.sealer.seal(fields.clientSecret, sealingContext.clientSecret(uid)));
    const clientSecret = secret ?? present?.clientSecret;
    return {
      uid,
      id,
      issuer: fields.issuer,
      ...(fields.endpoints ? { endpoints: fields.endpoints } : {}),
      clientId: fields.clientId,
      authMethod,
      ...(authMethod !== 'none' && clientSecret ? { clientSecret } : {}),
      scopes: fields.scopes,
      profile: fields.profile,
      rotateAt: fields.rotateAt,
      defaultTokenTtlMs: fields.defaultTokenTtlMs,
      ...(fields.profileSettings && Object.keys(fields.profileSettings).length > 0
        ? { profileSettings: fields.profileSettings }
        : {}),
      ...(fields.refreshTokenIdleTtlMs ? { refreshTokenIdleTtlMs: fields.refreshTokenIdleTtlMs } : {}),
      ...(fields.authorizationTtlMs ? { authorizationTtlMs: fields.authorizationTtlMs } : {}),
      ratePerSecond: fields.ratePerSecond,
      maxConcurrent: fields.maxConcurrent,
    };
  }

  /** All mistakes at once. */
  private check(fields: ClientFields, authMethod: ClientAuthMethod, hasSecret: boolean): void {
    const mistakes: string[] = [];
    const check = (ok: boolean, mistake: string): void => {
      if (!ok) mistakes.push(mistake);
    };
    const collect = (test: () => void): void => {
      try {
        test();
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        mistakes.push(error.message);
      }
    };
    collect(() => this.rules.checkUrl(fields.issuer, 'issuer'));
    for (const [field, url] of Object.entries<string | undefined>({ ...fields.endpoints })) {
      if (url !== undefined) collect(() => this.rules.checkUrl(url, field));
    }
    collect(() => checkScopes(fields.scopes));
    check(
      /^[\x20-\x7e]{1,255}$/.test(fields.clientId),
      'client_id is missing, or has characters that no client_id has (RFC 6749 appendix A.1).',
    );
    check(authMethod === 'none' || hasSecret, `auth_method ${authMethod} needs a client_secret.`);
    check(
      authMethod !== 'none' || fields.clientSecret === undefined,
      'auth_method none is for public clients, which have no client_secret: leave one of the two out.',
    );
    check(
      fields.rotateAt >= 0.1 && fields.rotateAt <= 0.9,
      'rotate_at is the share of a token’s life after which it is rotated: between 0.1 and 0.9.',
    );
    check(fields.defaultTokenTtlMs >= 1_000, 'default_token_ttl is at least one second.');
    check(isTtl(fields.refreshTokenIdleTtlMs), 'refresh_token_idle_ttl is at least one second.');
    check(isTtl(fields.authorizationTtlMs), 'authorization_ttl is at least one second.');
    const presets = this.profiles.presets.map(({ name }) => name);
    check(presets.includes(fields.profile), `profile is one of: ${presets.join(', ')}.`);
    mistakes.push(...this.profiles.mistakesIn(fields.profileSettings ?? {}));
    mistakes.push(...budgetMistakes(fields));
    if (mistakes.length > 0) throw BrokerError.of('INVALID_REQUEST', mistakes.join(' '));
  }
}

/** Zero is none. */
function isTtl(ms = 0): boolean {
  return ms === 0 || ms >= 1_000;
}

function notFound(id: string): BrokerError {
  return BrokerError.of('NOT_FOUND', `${clientName(id)} does not exist.`);
}
