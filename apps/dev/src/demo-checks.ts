import { Client } from 'pg';
import { sealingContext, type Sealed, type Secret } from '#libs/core';
import { JweSealer, keyRingFromFile } from '#libs/sealing';
import type { DevelopmentStack } from './stack.js';

/** Whom an access token acts for, as the development server's protected resource says. */
export async function whoami(issuer: string, accessToken: string): Promise<{ status: number; sub: unknown }> {
  const response = await fetch(`${issuer}/iam/sf/whoami`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const body = (await response.json()) as { sub?: unknown };
  return { status: response.status, sub: body.sub };
}

/**
 * The refresh token that the broker holds now. Nothing but the database and the sealing key together gives
 * it away; the demo has both, and only to show what becomes of it.
 */
export async function refreshTokenOf(stack: DevelopmentStack, connectionId: string): Promise<Secret> {
  const client = new Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ uid: string; generation: string; sealed_refresh_token: string }>(
      'SELECT uid, generation, sealed_refresh_token FROM token_broker.connection WHERE id = $1',
      [connectionId],
    );
    const [row] = rows;
    if (!row) throw new Error(`There is no connection ${connectionId}.`);
    const sealer = new JweSealer(await keyRingFromFile(stack.sealingKeyFile));
    const context = sealingContext.refreshToken(row.uid, Number(row.generation));
    return await sealer.open(row.sealed_refresh_token as Sealed, context);
  } finally {
    await client.end();
  }
}

/** Presents a refresh token as a thief would; answers the error of RFC 6749 section 5.2, if any. */
export async function presentAgain(
  stack: DevelopmentStack,
  refreshToken: Secret,
): Promise<string | undefined> {
  const credentials = Buffer.from(`indicium-web:${stack.clientSecret('indicium-web')}`).toString('base64');
  const response = await fetch(`${stack.issuer}/connect/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken.reveal() }),
  });
  const { error } = (await response.json()) as { error?: string };
  return error;
}
