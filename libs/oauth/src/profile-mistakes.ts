import type { AnswerRule, NotProcessed, ProfileSettings } from '#libs/core';
import { isErrorCode } from './server-words.js';

/** Thirty days: the longest that a server is known to offer (Ory Hydra with a count limit). */
const LONGEST_GRACE_MS = 30 * 24 * 3_600_000;

const MOST_VALUES = 50;
const LONGEST_PHRASE = 200;
const LONGEST_PARAMETER = 1_000;

/** Statuses with a meaning of their own, which no `error` beside them changes. */
const NOT_FOR_ERRORS: ReadonlySet<number> = new Set([408, 425, 429]);

/** What the authorization request is made of, and would be broken by a second hand. */
const RESERVED_PARAMETERS: ReadonlySet<string> = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'login_hint',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

type Tell = (mistake: string) => void;

/** Every mistake in an OAuth client's own settings, named as they are on the wire. */
export function mistakesInSettings(settings: Partial<ProfileSettings>): string[] {
  const mistakes: string[] = [];
  const tell: Tell = (mistake) => void mistakes.push(`profile_settings.${mistake}`);
  checkCodes(settings, tell);
  checkStatuses(settings.errorStatuses, tell);
  checkMany('answer_rules', settings.answerRules, tell);
  checkMany('not_processed', settings.notProcessed, tell);
  for (const [index, rule] of (settings.answerRules ?? []).entries()) checkRule(rule, index, tell);
  for (const rule of settings.notProcessed ?? []) checkNotProcessed(rule, tell);
  const { graceWindowMs } = settings;
  if (graceWindowMs !== undefined && !(graceWindowMs >= 0 && graceWindowMs <= LONGEST_GRACE_MS)) {
    tell('grace_window is between 0 and 30 days.');
  }
  checkParameters(settings.authorizationParameters, tell);
  return mistakes;
}

function checkCodes({ finalErrors = [], refusedErrors = [] }: Partial<ProfileSettings>, tell: Tell): void {
  checkErrors('final_errors', finalErrors, tell);
  checkErrors('refused_errors', refusedErrors, tell);
  const both = finalErrors.filter((error) => refusedErrors.includes(error));
  if (both.length > 0) tell(`final_errors and refused_errors both have ${both.join(', ')}.`);
}

function checkErrors(field: string, errors: readonly string[], tell: Tell): void {
  checkMany(field, errors, tell);
  if (!errors.every(isErrorCode)) {
    tell(`${field} has a value that no error code can have (RFC 6749 section 5.2).`);
  }
}

function checkStatuses(statuses: readonly number[] | undefined, tell: Tell): void {
  checkMany('error_statuses', statuses, tell);
  if (statuses?.some((status) => !isClientError(status) || NOT_FOR_ERRORS.has(status))) {
    tell('error_statuses are between 400 and 499, and none of 408, 425, 429.');
  }
}

/** A server that failed (5xx) has said nothing final; a 503 can say at most that it did nothing. */
function checkRule(rule: AnswerRule, index: number, tell: Tell): void {
  const { statuses, errors = [], phrases = [], body, meaning } = rule;
  const at = `answer_rules[${index}]`;
  if (errors.length === 0 && phrases.length === 0 && body === undefined) {
    tell(`${at} needs a condition beside its statuses: errors, phrases or body.`);
  }
  checkErrors(`${at}.errors`, errors, tell);
  checkMany(`${at}.phrases`, phrases, tell);
  if (phrases.some((phrase) => phrase.trim().length < 3 || phrase.length > LONGEST_PHRASE)) {
    tell(`${at}.phrases have between 3 and ${LONGEST_PHRASE} characters.`);
  }
  checkMany(`${at}.statuses`, statuses, tell);
  const fits = (status: number): boolean =>
    status === 200 || isClientError(status) || (status === 503 && meaning === 'refused');
  if (statuses && (statuses.length === 0 || !statuses.every(fits))) {
    tell(`${at}.statuses are 200 and between 400 and 499; 503 with the meaning REFUSED only.`);
  }
}

function checkNotProcessed({ status, proofs }: NotProcessed, tell: Tell): void {
  if (!isClientError(status) && status !== 503) {
    tell(`not_processed has the status ${status}; it is between 400 and 499, or 503.`);
  }
  if (proofs.length === 0) tell(`not_processed has no proof for the status ${status}.`);
}

function checkParameters(parameters: Readonly<Record<string, string>> = {}, tell: Tell): void {
  checkMany('authorization_parameters', Object.keys(parameters), tell);
  for (const [name, value] of Object.entries(parameters)) {
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name)) tell('authorization_parameters has an odd name.');
    else if (RESERVED_PARAMETERS.has(name)) tell(`authorization_parameters cannot set ${name}.`);
    if (!/^[\x20-\x7e]*$/.test(value) || value.length > LONGEST_PARAMETER) {
      tell(`authorization_parameters has an odd value, or one of more than ${LONGEST_PARAMETER} characters.`);
    }
  }
}

function checkMany(field: string, values: readonly unknown[] | undefined, tell: Tell): void {
  if (values && values.length > MOST_VALUES) tell(`${field} has more than ${MOST_VALUES} values.`);
}

function isClientError(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 499;
}
