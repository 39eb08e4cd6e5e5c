import {
  ProfileSettings_AnswerRule_Body as Body,
  ProfileSettings_AnswerRule_Meaning as Meaning,
  ProfileSettings_NotProcessed_Proof as Proof,
  ProfileSettings_Probe as Probe,
  ProfileSettings_Reuse as Reuse,
  type ProfileSettings,
  type ProfileSettings_AnswerRule as AnswerRule,
} from '#proto/tokenbroker/v1/profile';
import { parseDuration, toDuration } from '../input/duration.js';
import { UsageError } from '../usage-error.js';

/** The enums of a profile by their fields, for JSON. */
export const PROFILE_ENUMS = { probe: Probe, reuse: Reuse, meaning: Meaning, body: Body, proofs: Proof };

/** No setting is set. */
export const NO_SETTINGS: ProfileSettings = {
  finalErrors: undefined,
  refusedErrors: undefined,
  answerRules: undefined,
  errorStatuses: undefined,
  notProcessed: undefined,
  probe: Probe.UNSPECIFIED,
  reuse: Reuse.UNSPECIFIED,
  rotates: undefined,
  graceWindow: undefined,
  consentForOfflineAccess: undefined,
  authorizationParameters: undefined,
};

/** How each setting is written on the command line. */
const READ: Readonly<Record<string, (text: string) => Partial<ProfileSettings>>> = {
  final_errors: (text) => ({ finalErrors: { codes: listOf(text) } }),
  refused_errors: (text) => ({ refusedErrors: { codes: listOf(text) } }),
  answer_rules: (text) => ({ answerRules: { rules: rulesOf(text) } }),
  error_statuses: (text) => ({ errorStatuses: { statuses: listOf(text).map(statusOf) } }),
  not_processed: (text) => ({ notProcessed: { entries: listOf(text).map(notProcessedOf) } }),
  probe: (text) => ({ probe: oneOf(Probe, text) }),
  reuse: (text) => ({ reuse: oneOf(Reuse, text) }),
  rotates: (text) => ({ rotates: yesOrNo(text) }),
  grace_window: (text) => ({ graceWindow: toDuration(parseDuration(text)) }),
  consent_for_offline_access: (text) => ({ consentForOfflineAccess: yesOrNo(text) }),
  authorization_parameters: (text) => ({
    authorizationParameters: { values: text === 'none' ? {} : Object.fromEntries(new URLSearchParams(text)) },
  }),
};

/** For the help of `--profile-setting`. */
export const PROFILE_SETTING_HELP =
  'one setting over those of the profile, as key=value; key= goes back to the profile’s; may be repeated';

/** For the end of a command's help. */
export const PROFILE_SETTINGS_HELP = `
Profile settings:
  final_errors, refused_errors     codes by commas, or none: invalid_grant,access_denied
  error_statuses                   400,401,403
  not_processed                    a status with its proofs: 429:status,503:retry_after+http_sys_page
  answer_rules                     JSON: [{"statuses":[400],"body":"empty","meaning":"final"}]
                                   (also errors and phrases, each a list; body is empty or html)
  probe                            late, never
  reuse                            accepted, refused, revokes
  rotates                          yes, no
  grace_window                     30s
  consent_for_offline_access       yes, no
  authorization_parameters         as in a query: audience=https://api.example.com&prompt=consent
`;

/** What `--profile-setting` options make: the settings that are set, and all that are named. @throws {UsageError} */
export function profileSettingsFrom(options: readonly string[] = []): {
  settings: ProfileSettings | undefined;
  named: string[];
} {
  let settings: ProfileSettings | undefined;
  const named: string[] = [];
  for (const option of options) {
    const at = option.indexOf('=');
    const key = option.slice(0, Math.max(at, 0));
    const read = Object.hasOwn(READ, key) ? READ[key] : undefined;
    if (!read) {
      throw new UsageError(
        `--profile-setting is key=value, not "${option}". The keys are ${Object.keys(READ).join(', ')}.`,
      );
    }
    named.push(key);
    const value = option.slice(at + 1);
    if (value !== '') settings = { ...(settings ?? NO_SETTINGS), ...read(value) };
  }
  return { settings, named };
}

function listOf(text: string): string[] {
  return text === 'none' ? [] : text.split(',').map((one) => one.trim());
}

function statusOf(text: string): number {
  if (/^\d{3}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is not an HTTP status.`);
}

function yesOrNo(text: string): boolean {
  if (text === 'yes' || text === 'true') return true;
  if (text === 'no' || text === 'false') return false;
  throw new UsageError(`"${text}" is neither yes nor no.`);
}

function notProcessedOf(text: string): { status: number; proofs: Proof[] } {
  const [status = '', proofs = ''] = text.split(':');
  return { status: statusOf(status), proofs: proofs.split('+').map((proof) => oneOf(Proof, proof)) };
}

function oneOf<Value extends number>(values: Readonly<Record<string, string | Value>>, text: string): Value {
  const value = Object.hasOwn(values, text.toUpperCase()) ? values[text.toUpperCase()] : undefined;
  if (typeof value === 'number' && value !== 0) return value;
  const names = Object.keys(values).filter((name) => /^[A-Z_]+$/.test(name) && name !== 'UNSPECIFIED');
  throw new UsageError(`"${text}" is none of ${names.join(', ').toLowerCase()}.`);
}

function rulesOf(text: string): AnswerRule[] {
  let rules: unknown;
  try {
    rules = JSON.parse(text);
  } catch {
    throw new UsageError('answer_rules is JSON: [{"errors":["access_denied"],"meaning":"final"}]');
  }
  if (!Array.isArray(rules)) throw new UsageError('answer_rules is a JSON list of rules.');
  return rules.map(ruleOf);
}

function ruleOf(rule: unknown): AnswerRule {
  const members = typeof rule === 'object' && rule !== null ? (rule as Record<string, unknown>) : {};
  const { statuses, errors, phrases, body = '', meaning = '', ...rest } = members;
  const odd = Object.keys(rest);
  if (odd.length > 0)
    throw new UsageError(`A rule has statuses, errors, phrases, body, meaning; not ${odd.join(', ')}.`);
  return {
    statuses: values(statuses, 'statuses').map((status) => statusOf(String(status))),
    errors: values(errors, 'errors').map(String),
    phrases: values(phrases, 'phrases').map(String),
    body: body === '' ? Body.UNSPECIFIED : oneOf(Body, textOf(body)),
    meaning: oneOf(Meaning, textOf(meaning)),
  };
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new UsageError('The body and the meaning of a rule are words.');
}

function values(value: unknown, field: string): unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new UsageError(`The ${field} of a rule are a list.`);
}
