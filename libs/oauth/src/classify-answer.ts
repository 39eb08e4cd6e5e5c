import { Secret, type Interpretation, type RawAnswer } from '#libs/core';
import type { Profile } from './profiles.js';
import { retryAfterMs } from './retry-after.js';
import { errorCode, serverWords } from './server-words.js';
import { parseTokenResponse, parseObject } from './token-response.js';

/** Statuses with which a server turns a request down in the words of RFC 6749 section 5.2. */
const ERROR_STATUSES = new Set([400, 401, 403]);

/** Statuses that say that no token endpoint took the request. */
const NOTHING_THERE = new Set([404, 405, 410, 413, 415]);

/**
 * What the answer of a token endpoint means by the profile of its server (RFC 6749 sections 5.1 and 5.2).
 * Pure, and tolerant of everything but doubt: what does not clearly say that the refresh token is good or
 * spent is `doubtful` (promises P4 and P7).
 */
export function classifyAnswer(answer: RawAnswer, profile: Profile): Interpretation {
  const { status } = answer;
  if (status === 200) return classifySuccess(answer);
  const body = parseObject(answer.body.reveal());
  const error = errorCode(body?.['error']);
  const said =
    serverWords(body?.['error_description']) || `The authorization server answered HTTP ${status}.`;

  if (error !== undefined && ERROR_STATUSES.has(status)) {
    const meaning = { code: error, description: said };
    if (profile.finalErrors.includes(error)) return { kind: 'final', ...meaning };
    if (profile.refusedErrors.includes(error)) return { kind: 'refused', ...meaning, ...waitOf(answer) };
    return { kind: 'doubtful', ...meaning };
  }
  if (isNotProcessed(answer, profile)) {
    const code =
      status === 429 ? 'too_many_requests' : status === 503 ? 'service_unavailable' : `http_${status}`;
    return { kind: 'refused', code, description: said, ...waitOf(answer) };
  }
  if (NOTHING_THERE.has(status) && error === undefined) {
    const description = `There is no token endpoint at the address it is looked for (HTTP ${status}). Check the issuer or the endpoints of the OAuth client.`;
    return { kind: 'refused', code: 'endpoint_not_found', description };
  }
  if (status >= 300 && status < 400) {
    const description = `The token endpoint redirected (HTTP ${status}), which is not followed, since it would carry the token elsewhere. Register the address it leads to.`;
    return { kind: 'doubtful', code: 'redirected', description };
  }
  return { kind: 'doubtful', code: error ?? `http_${status}`, description: said };
}

function classifySuccess(answer: RawAnswer): Interpretation {
  const parsed = parseTokenResponse(answer.body.reveal());
  if (parsed === undefined) {
    return {
      kind: 'doubtful',
      code: 'malformed_answer',
      description:
        'The token endpoint answered HTTP 200 without a token that can be read (RFC 6749 section 5.1).',
    };
  }
  const { accessToken, refreshToken, ...rest } = parsed;
  return {
    kind: 'granted',
    accessToken: new Secret(accessToken),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken) }),
    ...rest,
  };
}

function isNotProcessed(answer: RawAnswer, profile: Profile): boolean {
  const proofs = profile.notProcessed[answer.status] ?? [];
  return proofs.some((proof) => {
    switch (proof) {
      case 'status':
        return true;
      case 'retry-after':
        return waitOf(answer).retryAfterMs !== undefined;
      case 'http-sys-page':
        return (answer.headers['server'] ?? '').startsWith('Microsoft-HTTPAPI/');
    }
  });
}

function waitOf(answer: RawAnswer): { retryAfterMs?: number } {
  const wait = retryAfterMs(answer.headers['retry-after'], answer.headers['date']);
  return wait === undefined ? {} : { retryAfterMs: wait };
}
