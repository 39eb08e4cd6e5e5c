import {
  ProfileSettings_AnswerRule_Body as Body,
  ProfileSettings_AnswerRule_Meaning as Meaning,
  ProfileSettings_NotProcessed_Proof as Proof,
  ProfileSettings_Probe as Probe,
  ProfileSettings_Reuse as Reuse,
  type Profile,
  type ProfileSettings,
  type ProfileSettings_AnswerRule as AnswerRule,
} from '#proto/tokenbroker/v1/profile';
import { card, table } from '../output/table.js';
import { durationMillis, span } from '../output/times.js';

type Show = (settings: ProfileSettings) => string;

/** Each setting by its name, as it is written on the command line; empty where it is not set. */
const SHOW: readonly (readonly [name: string, show: Show])[] = [
  ['final_errors', ({ finalErrors }) => list(finalErrors?.codes)],
  ['refused_errors', ({ refusedErrors }) => list(refusedErrors?.codes)],
  ['answer_rules', ({ answerRules }) => answerRules?.rules.map(ruleInWords).join('; ') ?? ''],
  ['error_statuses', ({ errorStatuses }) => list(errorStatuses?.statuses)],
  [
    'not_processed',
    ({ notProcessed }) =>
      list(
        notProcessed?.entries.map(
          ({ status, proofs }) => `${status}:${proofs.map((p) => word(Proof[p])).join('+')}`,
        ),
      ),
  ],
  ['probe', ({ probe }) => word(Probe[probe])],
  ['reuse', ({ reuse }) => word(Reuse[reuse])],
  ['rotates', ({ rotates }) => yesNo(rotates)],
  ['grace_window', ({ graceWindow }) => (graceWindow ? span(durationMillis(graceWindow)) : '')],
  ['consent_for_offline_access', ({ consentForOfflineAccess }) => yesNo(consentForOfflineAccess)],
  [
    'authorization_parameters',
    ({ authorizationParameters }) => String(new URLSearchParams(authorizationParameters?.values ?? {})),
  ],
];

/** Profiles, one a line, with what sets them apart. */
export function profileTable(profiles: readonly Profile[]): string {
  const column = (title: string, name: string) => ({
    title,
    of: ({ settings }: Profile) => (settings ? (showOf(name)(settings) ?? '') : ''),
  });
  return table<Profile>(
    [
      { title: 'NAME', of: ({ name }) => name },
      column('REUSE', 'reuse'),
      column('ROTATES', 'rotates'),
      column('GRACE WINDOW', 'grace_window'),
      column('PROBE', 'probe'),
      column('FINAL ERRORS', 'final_errors'),
      { title: 'RULES', of: ({ settings }) => String(settings?.answerRules?.rules.length ?? 0) },
    ],
    profiles,
  );
}

/** All settings of one. */
export function profileCard({ name, settings }: Profile): string {
  return card([['name', name], ...(settings ? settingRows(settings) : [])]);
}

/**
 * The settings of a profile as rows of a card.
 * @param own settings of an OAuth client's own; they are marked
 */
export function settingRows(settings: ProfileSettings, own?: ProfileSettings): [string, string][] {
  return SHOW.map(([name, show]) => {
    const value = show(settings);
    return [name, own && show(own) !== '' ? `${value || 'none'} (its own)` : value];
  });
}

function showOf(name: string): Show {
  return SHOW.find(([known]) => known === name)?.[1] ?? (() => '');
}

function ruleInWords({ statuses, errors, phrases, body, meaning }: AnswerRule): string {
  const conditions = [
    ...(statuses.length > 0 ? [statuses.join(' or ')] : []),
    ...(errors.length > 0 ? [errors.join(' or ')] : []),
    ...(phrases.length > 0 ? [phrases.map((phrase) => `"${phrase}"`).join(' or ')] : []),
    ...(body === Body.UNSPECIFIED ? [] : [`${word(Body[body])} body`]),
  ];
  return `${conditions.join(' with ')} is ${word(Meaning[meaning])}`;
}

function list(values: readonly (string | number)[] | undefined): string {
  if (values === undefined) return '';
  return values.length === 0 ? 'none' : values.join(',');
}

function yesNo(value: boolean | undefined): string {
  return value === undefined ? '' : value ? 'yes' : 'no';
}

/** An enum's value as the command line writes it; empty where it is not set. */
function word(name: string | undefined): string {
  return name === undefined || name === 'UNSPECIFIED' ? '' : name.toLowerCase();
}
