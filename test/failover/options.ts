import { parseArgs } from 'node:util';
import type { EtcdApi } from './cluster/programs.js';

/** What the run was asked for. */
export interface FailoverOptions {
  /** Names of scenarios, in order; empty means those whose promises have to hold. */
  readonly scenarios: readonly string[];
  /** Connections with short tokens: they are what rotates. */
  readonly connections: number;
  /** Life of their access tokens. */
  readonly tokenTtlSeconds: number;
  /** How long the authorization server takes to answer: it makes rotations be under way when the fault strikes. */
  readonly answerMs: number;
  readonly replicas: number;
  /** How long each scenario is watched before its fault. */
  readonly beforeSeconds: number;
  /** Patroni's ttl. */
  readonly ttlSeconds: number;
  /** `synchronous_mode_strict`. */
  readonly strict: boolean;
  /** Instead of the one that the installed Patroni is safe with. */
  readonly etcdApi?: EtcdApi;
  /** Leaves the directory with all logs and data. */
  readonly keep: boolean;
}

/** The command line cannot be used; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `--help` says. */
export const USAGE = (scenarios: readonly string[]): string => `Usage: npm run failover -- [options]
  --scenario NAME        once or more: ${scenarios.join(', ')}
  --connections N        connections that rotate (60)
  --token-ttl SECONDS    life of their access tokens (20)
  --answer-ms MS         how long the authorization server takes to answer a rotation (1000)
  --replicas N           brokers (2)
  --before SECONDS       how long each scenario is watched before its fault (60)
  --patroni-ttl SECONDS  Patroni's ttl: a dead leader is noticed after that at the latest (10)
  --etcd-api etcd|etcd3  how Patroni talks to etcd, instead of the way that its version is safe with
  --strict               synchronous_mode_strict
  --keep                 leave the directory with logs and data`;

/** Reads the command line. @throws {UsageError} */
export function readOptions(args: readonly string[], scenarios: readonly string[]): FailoverOptions {
  const values = parsed(args, scenarios);
  const number = (name: keyof typeof values, fallback: number, least: number): number => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= least) return value;
    throw new UsageError(`--${name} is a whole number from ${least} on.\n${USAGE(scenarios)}`);
  };
  const unknown = (values.scenario ?? []).filter((name) => !scenarios.includes(name));
  if (unknown.length > 0) throw new UsageError(`No scenario ${unknown.join(', ')}.\n${USAGE(scenarios)}`);
  const etcdApi = values['etcd-api'];
  if (etcdApi !== undefined && etcdApi !== 'etcd' && etcdApi !== 'etcd3') {
    throw new UsageError(`--etcd-api is etcd or etcd3.\n${USAGE(scenarios)}`);
  }
  return {
    scenarios: values.scenario ?? [],
    connections: number('connections', 60, 1),
    tokenTtlSeconds: number('token-ttl', 20, 10),
    answerMs: number('answer-ms', 1_000, 0),
    replicas: number('replicas', 2, 1),
    beforeSeconds: number('before', 60, 5),
    ttlSeconds: number('patroni-ttl', 10, 10),
    strict: values.strict ?? false,
    ...(etcdApi ? { etcdApi } : {}),
    keep: values.keep ?? false,
  };
}

function parsed(args: readonly string[], scenarios: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    return parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', multiple: true },
        connections: text,
        'token-ttl': text,
        'answer-ms': text,
        replicas: text,
        before: text,
        'patroni-ttl': text,
        'etcd-api': text,
        strict: flag,
        keep: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : ''}\n${USAGE(scenarios)}`);
  }
}
