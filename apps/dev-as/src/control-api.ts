import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Control } from './control.js';
import { FAULT_KINDS } from './faults.js';
import type { FaultRule, Faults } from './faults.js';
import { sameSecret } from './fingerprint.js';
import { bearerToken, readBody, sendJson } from './http-messages.js';
import { clientRegistrationSchema } from './registration-schema.js';
import type { ClientRegistration } from './options.js';

/** What the control API steers. */
export interface ControlApiParts {
  control: Control;
  faults: Faults;
  controlToken: string | undefined;
}

const faultRule = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  path: z.string().optional(),
  grantType: z.string().optional(),
  clientId: z.string().optional(),
  times: z.int().optional(),
  probability: z.number().min(0).max(1).optional(),
  delayMs: z.int().min(0).optional(),
  retryAfterSeconds: z.int().min(0).optional(),
});
const grantFilter = z.strictObject({ subject: z.string().optional(), client_id: z.string().optional() });
const clientSecret = z.strictObject({ client_id: z.string(), client_secret: z.string().min(1) });
const tokenTtl = z.strictObject({ seconds: z.int().positive() });

/** Serves `/dev/…`: for development and tests only, behind a bearer token of its own. */
export async function handleControl(
  parts: ControlApiParts,
  path: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const token = bearerToken(req);
  if (parts.controlToken === undefined || token === undefined || !sameSecret(token, parts.controlToken)) {
    sendJson(res, 401, { error: 'unauthorized' }, { 'www-authenticate': 'Bearer realm="dev-as control"' });
    return;
  }
  const action = ACTIONS[`${req.method} ${path}`];
  if (!action) {
    sendJson(res, 404, { error: 'not_found', actions: Object.keys(ACTIONS) });
    return;
  }
  try {
    const body = (await readBody(req)).toString();
    action(parts, body === '' ? {} : JSON.parse(body), res);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const description = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    sendJson(res, 400, { error: 'invalid_request', error_description: description });
  }
}

type Action = (parts: ControlApiParts, body: unknown, res: ServerResponse) => void;

const ACTIONS: Record<string, Action> = {
  'GET /dev/ledger': ({ control }, _body, res) => {
    res.writeHead(200, { 'content-type': 'application/jsonl', 'cache-control': 'no-store' });
    res.end(control.ledger.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  },
  'GET /dev/ledger/summary': ({ control }, _body, res) => sendJson(res, 200, control.ledger.judge()),
  'GET /dev/faults': ({ faults }, _body, res) => sendJson(res, 200, { faults: faults.list() }),
  'POST /dev/faults': ({ faults }, body, res) =>
    sendJson(res, 201, faults.add(faultRule.parse(body) as FaultRule)),
  'DELETE /dev/faults': ({ faults }, _body, res) => {
    faults.clear();
    sendJson(res, 200, { faults: [] });
  },
  'POST /dev/clients': ({ control }, body, res) => {
    const client = clientRegistrationSchema.parse(body) as ClientRegistration;
    control.clients.put(client);
    sendJson(res, 201, { client_id: client.client_id });
  },
  'POST /dev/client-secret': ({ control }, body, res) => {
    const { client_id, client_secret } = clientSecret.parse(body);
    control.clients.setSecret(client_id, client_secret);
    sendJson(res, 200, { client_id });
  },
  'POST /dev/revoke-grants': ({ control }, body, res) => {
    const { subject, client_id } = grantFilter.parse(body);
    const filter = {
      ...(subject === undefined ? {} : { subject }),
      ...(client_id === undefined ? {} : { client_id }),
    };
    sendJson(res, 200, { revoked: control.revokeGrants(filter) });
  },
  'POST /dev/token-ttl': ({ control }, body, res) => {
    control.setAccessTokenTtl(tokenTtl.parse(body).seconds);
    sendJson(res, 200, { seconds: control.accessTokenTtlSeconds() });
  },
};
