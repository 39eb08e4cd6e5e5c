import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Interaction } from 'oidc-provider';
import type { ClientRegistry } from './client-registry.js';
import { readBody, sendPage } from './http-messages.js';
import type { Provider } from './oidc-types.js';
import { renderConsentPage, renderErrorPage, renderLoginPage } from './pages.js';

/** What the login and consent pages need. */
export interface InteractionParts {
  provider: Provider;
  clients: ClientRegistry;
  users: ReadonlySet<string>;
}

/** Serves `/interaction/<uid>`: shows the login or the consent page, and takes their forms. */
export async function handleInteraction(
  parts: InteractionParts,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  let interaction: Interaction;
  try {
    interaction = await parts.provider.interactionDetails(req, res);
  } catch (error) {
    // The cookie is gone or the login took too long; anything else is a fault of this server.
    if (!(error instanceof Error) || error.name !== 'SessionNotFound') throw error;
    sendPage(
      res,
      400,
      renderErrorPage('session_not_found', 'This login has expired. Start again at the application.'),
    );
    return;
  }
  const form = req.method === 'POST' ? new URLSearchParams((await readBody(req)).toString()) : undefined;
  const action = form?.get('action');
  if (action === 'cancel' || action === 'deny') {
    await parts.provider.interactionFinished(req, res, {
      error: 'access_denied',
      error_description: 'the user denied the request',
    });
  } else if (interaction.prompt.name === 'login') {
    await login(parts, interaction, form, req, res);
  } else {
    await consent(parts, interaction, form, req, res);
  }
}

async function login(
  { provider, clients, users }: InteractionParts,
  interaction: Interaction,
  form: URLSearchParams | undefined,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const name = form?.get('login')?.trim() ?? '';
  if (form && users.has(name) && form.get('password') === name) {
    await provider.interactionFinished(
      req,
      res,
      { login: { accountId: name } },
      { mergeWithLastSubmission: false },
    );
    return;
  }
  const page = { clientName: clientName(clients, interaction), login: name, failed: form !== undefined };
  sendPage(res, form ? 401 : 200, renderLoginPage(page), formTargets(interaction));
}

async function consent(
  { provider, clients }: InteractionParts,
  interaction: Interaction,
  form: URLSearchParams | undefined,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const login = interaction.session?.accountId ?? '';
  const scopes = String((interaction.params['scope'] as string | undefined) ?? '').split(' ');
  if (form?.get('action') !== 'approve') {
    sendPage(
      res,
      200,
      renderConsentPage({ clientName: clientName(clients, interaction), login, scopes }),
      formTargets(interaction),
    );
    return;
  }
  // Every consent makes a grant of its own: the refresh tokens of one authorization are one chain, and
  // the end of that chain is not the end of another one.
  const grant = new provider.Grant({ accountId: login, clientId: String(interaction.params['client_id']) });
  const resource = interaction.params['resource'];
  grant.addOIDCScope(scopes.join(' '));
  for (const indicator of Array.isArray(resource) ? resource : [resource]) {
    if (typeof indicator === 'string') grant.addResourceScope(indicator, scopes.join(' '));
  }
  const grantId = await grant.save();
  await provider.interactionFinished(req, res, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

function clientName(clients: ClientRegistry, interaction: Interaction): string {
  const clientId = String(interaction.params['client_id']);
  return clients.get(clientId)?.client_name ?? clientId;
}

function formTargets(interaction: Interaction): string[] {
  const redirectUri = String((interaction.params['redirect_uri'] as string | undefined) ?? '');
  return URL.canParse(redirectUri) ? [new URL(redirectUri).origin] : [];
}
