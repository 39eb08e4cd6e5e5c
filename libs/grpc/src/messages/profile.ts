import {
  BrokerError,
  type AnswerMeaning,
  type AnswerRule,
  type NotProcessedProof,
  type ProbePolicy,
  type Profile,
  type ProfileSettings,
  type Reuse,
} from '#libs/core';
import {
  ProfileSettings_AnswerRule_Body as WireBody,
  ProfileSettings_AnswerRule_Meaning as WireMeaning,
  ProfileSettings_NotProcessed_Proof as WireProof,
  ProfileSettings_Probe as WireProbe,
  ProfileSettings_Reuse as WireReuse,
  type Profile as WireProfile,
  type ProfileSettings as WireProfileSettings,
  type ProfileSettings_AnswerRule as WireAnswerRule,
} from '#proto/tokenbroker/v1/profile';
import { checkedMillis, durationFromMillis } from './time.js';

const LONGEST_GRACE_MS = 30 * 24 * 3_600_000;

const PROBE: Readonly<Record<ProbePolicy, WireProbe>> = { late: WireProbe.LATE, never: WireProbe.NEVER };
const REUSE: Readonly<Record<Reuse, WireReuse>> = {
  accepted: WireReuse.ACCEPTED,
  refused: WireReuse.REFUSED,
  revokes: WireReuse.REVOKES,
};
const MEANING: Readonly<Record<AnswerMeaning, WireMeaning>> = {
  final: WireMeaning.FINAL,
  refused: WireMeaning.REFUSED,
  doubtful: WireMeaning.DOUBTFUL,
};
const BODY: Readonly<Record<NonNullable<AnswerRule['body']>, WireBody>> = {
  empty: WireBody.EMPTY,
  html: WireBody.HTML,
};
const PROOF: Readonly<Record<NotProcessedProof, WireProof>> = {
  status: WireProof.STATUS,
  'retry-after': WireProof.RETRY_AFTER,
  'http-sys-page': WireProof.HTTP_SYS_PAGE,
};

/** The settings of a profile by their names on the wire, for update masks. */
export const SETTING_OF_PATH: Readonly<Record<string, keyof ProfileSettings>> = {
  final_errors: 'finalErrors',
  refused_errors: 'refusedErrors',
  answer_rules: 'answerRules',
  error_statuses: 'errorStatuses',
  not_processed: 'notProcessed',
  probe: 'probe',
  reuse: 'reuse',
  rotates: 'rotates',
  grace_window: 'graceWindowMs',
  consent_for_offline_access: 'consentForOfflineAccess',
  authorization_parameters: 'authorizationParameters',
};

/** A whole profile on the wire. */
export function profileToWire({ name, ...settings }: Profile): WireProfile {
  return { name, settings: profileSettingsToWire(settings) };
}

/** Settings on the wire; what is not there stays unset. */
export function profileSettingsToWire(settings: Partial<ProfileSettings>): WireProfileSettings {
  const { finalErrors, refusedErrors, answerRules, errorStatuses, notProcessed } = settings;
  const { probe, reuse, rotates, graceWindowMs, consentForOfflineAccess, authorizationParameters } = settings;
  return {
    finalErrors: finalErrors && { codes: [...finalErrors] },
    refusedErrors: refusedErrors && { codes: [...refusedErrors] },
    answerRules: answerRules && { rules: answerRules.map(ruleToWire) },
    errorStatuses: errorStatuses && { statuses: [...errorStatuses] },
    notProcessed: notProcessed && {
      entries: notProcessed.map(({ status, proofs }) => ({ status, proofs: proofs.map((p) => PROOF[p]) })),
    },
    probe: probe ? PROBE[probe] : WireProbe.UNSPECIFIED,
    reuse: reuse ? REUSE[reuse] : WireReuse.UNSPECIFIED,
    rotates,
    graceWindow: graceWindowMs === undefined ? undefined : durationFromMillis(graceWindowMs),
    consentForOfflineAccess,
    authorizationParameters: authorizationParameters && { values: { ...authorizationParameters } },
  };
}

/** The settings that are set. @throws {BrokerError} `INVALID_REQUEST` for a number that is no value */
export function profileSettingsFromWire(wire: WireProfileSettings): Partial<ProfileSettings> {
  const { rotates, graceWindow, consentForOfflineAccess, authorizationParameters } = wire;
  const probe = fromWire(PROBE, wire.probe, 'probe');
  const reuse = fromWire(REUSE, wire.reuse, 'reuse');
  return {
    ...(wire.finalErrors ? { finalErrors: wire.finalErrors.codes } : {}),
    ...(wire.refusedErrors ? { refusedErrors: wire.refusedErrors.codes } : {}),
    ...(wire.answerRules ? { answerRules: wire.answerRules.rules.map(ruleFromWire) } : {}),
    ...(wire.errorStatuses ? { errorStatuses: wire.errorStatuses.statuses } : {}),
    ...(wire.notProcessed
      ? {
          notProcessed: wire.notProcessed.entries.map(({ status, proofs }) => ({
            status,
            proofs: proofs.map((proof) => required(fromWire(PROOF, proof, 'proof'), 'proof')),
          })),
        }
      : {}),
    ...(probe ? { probe } : {}),
    ...(reuse ? { reuse } : {}),
    ...(rotates === undefined ? {} : { rotates }),
    ...(graceWindow
      ? { graceWindowMs: checkedMillis(graceWindow, 'profile_settings.grace_window', LONGEST_GRACE_MS) }
      : {}),
    ...(consentForOfflineAccess === undefined ? {} : { consentForOfflineAccess }),
    ...(authorizationParameters ? { authorizationParameters: authorizationParameters.values } : {}),
  };
}

function ruleToWire({ statuses = [], errors = [], phrases = [], body, meaning }: AnswerRule): WireAnswerRule {
  return {
    statuses: [...statuses],
    errors: [...errors],
    phrases: [...phrases],
    body: body ? BODY[body] : WireBody.UNSPECIFIED,
    meaning: MEANING[meaning],
  };
}

function ruleFromWire({ statuses, errors, phrases, ...rest }: WireAnswerRule): AnswerRule {
  const body = fromWire(BODY, rest.body, 'body');
  return {
    ...(statuses.length > 0 ? { statuses } : {}),
    ...(errors.length > 0 ? { errors } : {}),
    ...(phrases.length > 0 ? { phrases } : {}),
    ...(body ? { body } : {}),
    meaning: required(fromWire(MEANING, rest.meaning, 'meaning'), 'meaning'),
  };
}

/** The value of an enum's number; `undefined` for zero, which is "not set". */
function fromWire<Value extends string>(
  numbers: Readonly<Record<Value, number>>,
  number: number,
  field: string,
): Value | undefined {
  if (number === 0) return undefined;
  const values = Object.keys(numbers) as Value[];
  const value = values.find((candidate) => numbers[candidate] === number);
  if (value !== undefined) return value;
  throw BrokerError.of('INVALID_REQUEST', `profile_settings has a ${field} that is none of its values.`);
}

function required<Value>(value: Value | undefined, field: string): Value {
  if (value !== undefined) return value;
  throw BrokerError.of('INVALID_REQUEST', `profile_settings has a ${field} that is not set.`);
}
