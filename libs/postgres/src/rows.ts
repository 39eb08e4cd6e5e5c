import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Endpoints, ProfileSettings } from '#libs/core';

/**
 * The rows as the database has them. Properties are named like their columns, so that a row read by plain
 * SQL and one read through TypeORM have the same shape, and one mapping serves both. `bigint` arrives as a
 * string, `timestamptz` as a `Date`.
 */
@Entity({ schema: 'token_broker', name: 'connection' })
export class ConnectionRow {
  @PrimaryColumn('uuid') uid!: string;
  @Column('text') client_id!: string;
  @Column('text') id!: string;
  @Column('text') state!: string;
  @Column('text', { nullable: true }) state_before_pause!: string | null;
  @Column('text') subject_kind!: string;
  @Column('text', { nullable: true }) subject!: string | null;
  @Column('text') grant_type!: string;
  @Column('bigint') generation!: string;
  @Column('text', { nullable: true }) sealed_refresh_token!: string | null;
  @Column('text', { array: true }) scopes!: string[];
  @Column('uuid', { nullable: true }) attempt_id!: string | null;
  @Column('bigint', { nullable: true }) attempt_generation!: string | null;
  @Column('text', { nullable: true }) attempt_replica!: string | null;
  @Column('timestamptz', { nullable: true }) attempt_started_at!: Date | null;
  @Column('timestamptz', { nullable: true }) attempt_deadline_at!: Date | null;
  @Column('uuid', { nullable: true }) attempt_spool_id!: string | null;
  @Column('uuid', { nullable: true }) attempt_boot_id!: string | null;
  @Column('bigint', { nullable: true }) attempt_number!: string | null;
  @Column('uuid', { nullable: true }) last_attempt_id!: string | null;
  @Column('uuid', { nullable: true }) doubt_attempt_id!: string | null;
  @Column('uuid', { nullable: true }) doubt_spool_id!: string | null;
  @Column('timestamptz', { nullable: true }) doubted_at!: Date | null;
  @Column('integer') authorization_epoch!: number;
  @Column('timestamptz', { nullable: true }) due_at!: Date | null;
  @Column('timestamptz', { nullable: true }) planned_at!: Date | null;
  @Column('timestamptz', { nullable: true }) not_before!: Date | null;
  @Column('integer') failure_count!: number;
  @Column('text', { nullable: true }) last_error_code!: string | null;
  @Column('text', { nullable: true }) last_error_description!: string | null;
  @Column('timestamptz', { nullable: true }) last_error_at!: Date | null;
  @Column('timestamptz', { nullable: true }) expires_at!: Date | null;
  @Column('bigint', { nullable: true }) token_ttl_ms!: string | null;
  @Column('timestamptz', { nullable: true }) last_rotated_at!: Date | null;
  @Column('bigint', { default: 1 }) revision!: string;
  @Column('timestamptz', { default: () => 'now()' }) created_at!: Date;
  @Column('timestamptz', { default: () => 'now()' }) updated_at!: Date;
  @Column('timestamptz', { nullable: true }) authorized_at!: Date | null;
  @Column('timestamptz', { nullable: true }) refresh_expires_at!: Date | null;
  @Column('timestamptz', { nullable: true }) authorization_expires_at!: Date | null;
  /** Made by the database from the others, for listing by it. */
  @Column({ type: 'timestamptz', nullable: true, insert: false, update: false }) reauthorize_at!: Date | null;
}

/** An access token of one variant. */
@Entity({ schema: 'token_broker', name: 'access_token' })
export class AccessTokenRow {
  @PrimaryColumn('uuid') connection_uid!: string;
  @PrimaryColumn('text') variant_key!: string;
  @Column('text') sealed_token!: string;
  @Column('text') token_type!: string;
  @Column('text', { array: true }) scopes!: string[];
  @Column('text') resource!: string;
  @Column('bigint') generation!: string;
  @Column('timestamptz') requested_at!: Date;
  @Column('timestamptz') expires_at!: Date;
}

/** An authorization that a browser has begun. */
@Entity({ schema: 'token_broker', name: 'authorization_request' })
export class AuthorizationRequestRow {
  @PrimaryColumn('text') state_hash!: string;
  @Column('uuid') connection_uid!: string;
  @Column('text') browser_hash!: string;
  @Column('text') sealed_secrets!: string;
  @Column('text', { array: true }) scopes!: string[];
  @Column('integer') authorization_epoch!: number;
  @Column('timestamptz') expires_at!: Date;
}

/** An OAuth client. */
@Entity({ schema: 'token_broker', name: 'oauth_client' })
export class OAuthClientRow {
  @PrimaryColumn('uuid') uid!: string;
  @Column('text') id!: string;
  @Column('text') issuer!: string;
  @Column('jsonb', { nullable: true }) endpoints!: Endpoints | null;
  @Column('text') client_id!: string;
  @Column('text') auth_method!: string;
  @Column('text', { nullable: true }) sealed_client_secret!: string | null;
  @Column('text', { array: true }) scopes!: string[];
  @Column('text') profile!: string;
  @Column('double precision') rotate_at!: number;
  @Column('bigint') default_token_ttl_ms!: string;
  @Column('double precision') rate_per_second!: number;
  @Column('integer') max_concurrent!: number;
  @Column('timestamptz', { nullable: true }) frozen_at!: Date | null;
  @Column('text', { nullable: true }) frozen_reason!: string | null;
  @Column('text', { nullable: true }) frozen_by!: string | null;
  @Column('text', { nullable: true, default: 'changed' }) canary!: string | null;
  @Column('bigint', { default: 1 }) revision!: string;
  @Column('timestamptz', { default: () => 'now()' }) created_at!: Date;
  @Column('timestamptz', { default: () => 'now()' }) updated_at!: Date;
  @Column('jsonb', { nullable: true }) profile_settings!: Partial<ProfileSettings> | null;
  @Column('bigint', { nullable: true }) refresh_token_idle_ttl_ms!: string | null;
  @Column('bigint', { nullable: true }) authorization_ttl_ms!: string | null;
}

/** A workload; what authenticates as it is in {@link WorkloadIdentityRow}. */
@Entity({ schema: 'token_broker', name: 'workload' })
export class WorkloadRow {
  @PrimaryColumn('text') id!: string;
  @Column('text', { array: true }) roles!: string[];
  @Column('timestamptz', { default: () => 'now()' }) created_at!: Date;
}

/** One identity of a workload. */
@Entity({ schema: 'token_broker', name: 'workload_identity' })
export class WorkloadIdentityRow {
  @PrimaryColumn('text') identity!: string;
  @Column('text') workload_id!: string;
}

/** An access rule. */
@Entity({ schema: 'token_broker', name: 'access_rule' })
export class AccessRuleRow {
  @PrimaryColumn('text') id!: string;
  @Column('text') workload_id!: string;
  @Column('text') connection_pattern!: string;
  @Column('timestamptz', { default: () => 'now()' }) created_at!: Date;
}

/** The one row that tells this database from others. */
@Entity({ schema: 'token_broker', name: 'installation' })
export class InstallationRow {
  @PrimaryColumn('boolean') only_row!: boolean;
  @Column('uuid') id!: string;
  @Column('text', { nullable: true }) sealed_check!: string | null;
  @Column('bigint') directory_version!: string;
  @Column('text', { nullable: true }) system_identifier!: string | null;
  @Column('timestamptz', { nullable: true }) frozen_at!: Date | null;
  @Column('text', { nullable: true }) frozen_reason!: string | null;
  @Column('text', { nullable: true }) frozen_detail!: string | null;
  @Column('text', { nullable: true }) frozen_by!: string | null;
  @Column('bigint') attempt_floor!: string;
  @Column('bigint') thaws!: string;
  @Column('timestamptz', { nullable: true }) thawed_at!: Date | null;
  @Column('text', { nullable: true }) thawed_by!: string | null;
  @Column('timestamptz') created_at!: Date;
}

/** One replica, by its spool. */
@Entity({ schema: 'token_broker', name: 'replica' })
export class ReplicaRow {
  @PrimaryColumn('uuid') spool_id!: string;
  @Column('text') name!: string;
  @Column('uuid') boot_id!: string;
  @Column('bigint') heartbeat!: string;
  @Column('bigint') timeline!: string;
  @Column('text', { nullable: true }) trouble!: string | null;
  @Column('timestamptz') started_at!: Date;
  @Column('timestamptz') last_seen_at!: Date;
  @Column('timestamptz', { nullable: true }) admitted_at!: Date | null;
  @Column('text', { nullable: true }) admitted_by!: string | null;
  @Column('timestamptz', { nullable: true }) ended_at!: Date | null;
  @Column('timestamptz', { nullable: true }) lost_at!: Date | null;
  @Column('text', { nullable: true }) lost_by!: string | null;
}
