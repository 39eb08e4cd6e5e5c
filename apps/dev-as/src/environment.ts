import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ClientRegistration, DevAuthorizationServerOptions } from './options.js';
import { clientRegistrationSchema } from './registration-schema.js';

const port = z.coerce.number().int().min(0).max(65_535);
const seconds = z.coerce.number().int().positive();
const list = z.string().transform((text) => text.split(/[\s,]+/).filter(Boolean));

const schema = z.object({
  DEV_AS_PORT: port.default(7490),
  DEV_AS_HOST: z.string().min(1).default('127.0.0.1'),
  DEV_AS_ISSUER: z.url().optional(),
  DEV_AS_DATA_DIR: z.string().min(1).optional(),
  DEV_AS_TOKEN_TTL_SECONDS: seconds.optional(),
  DEV_AS_REFRESH_TOKEN_TTL_SECONDS: seconds.optional(),
  DEV_AS_AUTHORIZATION_TTL_SECONDS: seconds.optional(),
  DEV_AS_ANSWER_LIFETIMES: z.enum(['true', 'false']).optional(),
  DEV_AS_CONTROL_TOKEN: z.string().min(1).optional(),
  DEV_AS_CLIENTS: z.string().optional(),
  DEV_AS_USERS: list.optional(),
  DEV_AS_SCOPES: list.optional(),
  DEV_AS_SEED: z.coerce.number().int().optional(),
  DEV_AS_TLS_CERT_FILE: z.string().min(1).optional(),
  DEV_AS_TLS_KEY_FILE: z.string().min(1).optional(),
});

/** Options from environment variables; throws an error whose message names the variable. */
export function optionsFromEnvironment(env: NodeJS.ProcessEnv): DevAuthorizationServerOptions {
  // An empty variable is one that compose files leave unset.
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name.startsWith('DEV_AS_') && value),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
    );
  }
  const value = parsed.data;
  const tls = tlsFrom(value.DEV_AS_TLS_CERT_FILE, value.DEV_AS_TLS_KEY_FILE);
  return withoutUndefined({
    port: value.DEV_AS_PORT,
    host: value.DEV_AS_HOST,
    issuer: value.DEV_AS_ISSUER,
    dataDir: value.DEV_AS_DATA_DIR,
    accessTokenTtlSeconds: value.DEV_AS_TOKEN_TTL_SECONDS,
    refreshTokenTtlSeconds: value.DEV_AS_REFRESH_TOKEN_TTL_SECONDS,
    authorizationTtlSeconds: value.DEV_AS_AUTHORIZATION_TTL_SECONDS,
    answerLifetimes: value.DEV_AS_ANSWER_LIFETIMES === 'true',
    controlToken: value.DEV_AS_CONTROL_TOKEN,
    clients: value.DEV_AS_CLIENTS === undefined ? undefined : clientsFrom(value.DEV_AS_CLIENTS),
    users: value.DEV_AS_USERS,
    scopes: value.DEV_AS_SCOPES,
    seed: value.DEV_AS_SEED,
    tls,
  });
}

function clientsFrom(text: string): ClientRegistration[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The text holds secrets: the parser's message, which quotes it, must not get out.
    throw new Error('DEV_AS_CLIENTS: not valid JSON');
  }
  const parsed = z.array(clientRegistrationSchema).safeParse(json);
  if (parsed.success) return parsed.data as ClientRegistration[];
  const issues = parsed.error.issues.map((issue) => `[${issue.path.join('.')}] ${issue.message}`);
  throw new Error(`DEV_AS_CLIENTS: ${issues.join('; ')}`);
}

function tlsFrom(
  certFile: string | undefined,
  keyFile: string | undefined,
): { cert: string; key: string } | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new Error('DEV_AS_TLS_CERT_FILE and DEV_AS_TLS_KEY_FILE: give both or neither');
  }
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
