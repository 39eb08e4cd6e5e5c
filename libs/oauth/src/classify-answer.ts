import { Secret, type AnswerRule, type Interpretation, type Profile, type RawAnswer } from '#libs/core';
import { readBody, type AnswerBody } from './answer-body.js';
import { retryAfterMs } from './retry-after.js';
import { errorCode, hasPhrase, serverWords } from './server-words.js';
import { tokenResponseOf } from './token-response.js';

/** Statuses that say that no token endpoint took the request. */
const NOTHING_THERE = new Set([404, 405, 410, 413, 415]);

/** What the server said, fit to be shown. */
interface Said {
  readonly code: string;
  readonly description: string;
}

/**
 * What the answer of a token endpoint means by the profile of its server (RFC 6749 sections 5.1 and 5.2).
 * Pure, and tolerant of everything but doubt: what does not clearly say that the refresh token is good or
 * spent is `doubtful` (promises P4 and P7).
 */
export function classifyAnswer(answer: RawAnswer, profile: Profile): Interpretation {
  const { status } = answer;
  const body = readBody(answer);
  // Also a 201 or a 203 that brings a token: the next refresh token may be in it (promise P3).
  if (status >= 200 && status < 300) {
    const granted = grantIn(body);
    if (granted) return granted;
  }
  const said = saidIn(answer, body);
  const rule = profile.answerRules.find((candidate) => fits(candidate, status, body, profile));
  if (rule?.meaning === 'refused' && body.error === undefined) return notProcessed(answer, body, said);
  if (rule) return { kind: rule.meaning, ...said, ...(rule.meaning === 'refused' ? waitOf(answer) : {}) };

  if (body.error !== undefined && status < 500 && profile.errorStatuses.includes(status)) {
    // A code that the profile names is no token, however long it is.
    const meaning = { ...said, code: body.error };
    if (profile.finalErrors.includes(body.error)) return { kind: 'final', ...meaning };
    if (profile.refusedErrors.includes(body.error)) return { kind: 'refused', ...meaning, ...waitOf(answer) };
    return { kind: 'doubtful', ...said };
  }
  if (isNotProcessed(answer, profile)) return notProcessed(answer, body, said);
  if (NOTHING_THERE.has(status) && body.error === undefined) {
    const description = `There is no token endpoint at the address it is looked for (HTTP ${status}). Check the issuer or the endpoints of the OAuth client.`;
    return { kind: 'refused', code: 'endpoint_not_found', description };
  }
  if (status >= 300 && status < 400) {
    const description = `The token endpoint redirected (HTTP ${status}), which is not followed, since it would carry the token elsewhere. Register the address it leads to.`;
    return { kind: 'doubtful', code: 'redirected', description };
  }
  return { kind: 'doubtful', ...said };
}

function grantIn(body: AnswerBody): Interpretation | undefined {
  const parsed = tokenResponseOf(body.members);
  if (parsed === undefined) return undefined;
  const { accessToken, refreshToken, ...rest } = parsed;
  return {
    kind: 'granted',
    accessToken: new Secret(accessToken),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken) }),
    ...rest,
  };
}

function saidIn({ status }: RawAnswer, body: AnswerBody): Said {
  const error = errorCode(body.error);
  const success = status >= 200 && status < 300;
  const what = success
    ? `The token endpoint answered HTTP ${status} without a token that can be read (RFC 6749 section 5.1).`
    : `The authorization server answered HTTP ${status}.`;
  return {
    code: error ?? (success ? 'malformed_answer' : `http_${status}`),
    description: serverWords(body.description) || what,
  };
}

/** What a server that failed says is nobody's final word; of a 503 a rule can say that it did nothing. */
function fits(rule: AnswerRule, status: number, body: AnswerBody, profile: Profile): boolean {
  if (status >= 500 && !(status === 503 && rule.meaning === 'refused')) return false;
  const { statuses = profile.errorStatuses, errors, phrases } = rule;
  return (
    statuses.includes(status) &&
    (errors === undefined ||
      errors.length === 0 ||
      (body.error !== undefined && errors.includes(body.error))) &&
    (phrases === undefined ||
      phrases.length === 0 ||
      phrases.some((phrase) => hasPhrase(body.words, phrase))) &&
    (rule.body === undefined || rule.body === body.form)
  );
}

/** The code says what to do about it; the server's own goes into the description. */
function notProcessed(answer: RawAnswer, body: AnswerBody, said: Said): Interpretation {
  const { status } = answer;
  const code =
    status === 429 ? 'too_many_requests' : status === 503 ? 'service_unavailable' : `http_${status}`;
  const description = body.error === undefined ? said.description : `${said.code}: ${said.description}`;
  return { kind: 'refused', code, description, ...waitOf(answer) };
}

function isNotProcessed(answer: RawAnswer, profile: Profile): boolean {
  const proofs = profile.notProcessed.filter(({ status }) => status === answer.status);
  return proofs.some((of) =>
    of.proofs.some((proof) => {
      switch (proof) {
        case 'status':
          return true;
        case 'retry-after':
          return waitOf(answer).retryAfterMs !== undefined;
        case 'http-sys-page':
          return (answer.headers['server'] ?? '').startsWith('Microsoft-HTTPAPI/');
      }
    }),
  );
}

function waitOf(answer: RawAnswer): { retryAfterMs?: number } {
  const wait = retryAfterMs(answer.headers['retry-after'], answer.headers['date']);
  return wait === undefined ? {} : { retryAfterMs: wait };
}
