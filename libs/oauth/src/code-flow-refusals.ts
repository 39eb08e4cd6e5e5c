import { BrokerError, type SendResult } from '#libs/core';
import { errorCode, serverWords } from './server-words.js';

/**
 * Why the authorization server's answer, or its token for the code, could not be had: in the server's own
 * words where there are any. The cause is left behind on purpose, since the library's errors carry the
 * whole answer.
 */
export function refusalOfCode(error: unknown, sent: SendResult | undefined): BrokerError {
  const { name, error: said, error_description: description } = fieldsOf(error);
  const words = wordsOf(said, description);
  // RFC 6749 section 4.1.2.1: the answer of the authorization endpoint.
  if (name === 'AuthorizationResponseError') {
    if (said === 'access_denied') {
      return refused(
        `The login or the consent was declined at the authorization server (${words}). Open the link again to connect after all.`,
      );
    }
    if (said === 'temporarily_unavailable' || said === 'server_error') {
      return down(`The authorization server is in trouble (${words}). Open the link again in a few minutes.`);
    }
    return refused(`The authorization server refused (${words}). Check how its client is registered there.`);
  }
  // RFC 6749 section 5.2: the answer of the token endpoint.
  if (name === 'ResponseBodyError') {
    if (said === 'invalid_grant') {
      return refused(
        `The authorization server did not accept its own code any more (${words}). Open the link again.`,
      );
    }
    return refused(
      `The authorization server gave no token (${words}). Check the client id, the secret and the redirect URI that are registered.`,
    );
  }
  if (sent === undefined) {
    return refused(
      'The answer in the address is not one of the expected authorization server (its state or its issuer differs: RFC 9207). Open the link again.',
    );
  }
  if (sent.kind !== 'answered') {
    return down(`${sent.description} Open the link again in a few minutes.`);
  }
  const { status } = sent.answer;
  if (status !== 200) {
    return down(
      `The authorization server answered HTTP ${status} when it was asked for the token. Open the link again in a few minutes.`,
    );
  }
  return refused(
    "The authorization server's answer does not check out: its tokens or its ID token are not as OpenID Connect Core section 3.1.3 wants them. Check the issuer that is registered.",
  );
}

function wordsOf(said: unknown, description: unknown): string {
  const code = errorCode(said) ?? 'an unreadable error code';
  const words = serverWords(description);
  return words === '' ? code : `${code}: ${words}`;
}

function fieldsOf(error: unknown): { name?: unknown; error?: unknown; error_description?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}

function refused(message: string): BrokerError {
  return BrokerError.of('AUTHORIZATION_SERVER_REFUSED', message);
}

function down(message: string): BrokerError {
  return BrokerError.of('AUTHORIZATION_SERVER_DOWN', message);
}
