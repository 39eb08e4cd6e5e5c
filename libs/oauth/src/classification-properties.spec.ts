import fc from 'fast-check';
import { Secret, type AnswerRule, type Interpretation, type ProfileSettings } from '#libs/core';
import { classifyAnswer } from './classify-answer.js';
import { mistakesInSettings } from './profile-mistakes.js';
import { PROFILE_PRESETS } from './profile-presets.js';
import { profileNamed } from './profiles.js';

const CODES = [
  'invalid_grant',
  'invalid_client',
  'invalid_request',
  'interaction_required',
  'temporarily_unavailable',
  'server_error',
  'x',
];
const PHRASES = [
  'AADSTS90033: wait',
  'Failed to refresh token',
  'Errors.OIDCSession.RefreshTokenInvalid',
  '',
];

/** Anything, mostly things that look like answers. */
const member = fc.oneof(
  fc.constantFrom<unknown>(...CODES, ...PHRASES),
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
);
const object = fc.record(
  {
    error: member,
    error_description: member,
    access_token: member,
    refresh_token: member,
    expires_in: member,
    scope: member,
    token_type: member,
  },
  { requiredKeys: [] },
);
const form = fc.dictionary(
  fc.constantFrom('error', 'error_description', 'access_token', 'refresh_token'),
  fc.oneof(fc.constantFrom(...CODES, ...PHRASES), fc.string()),
);
const text = fc.oneof(
  object.map((value) => JSON.stringify(value)),
  object.map((value) => JSON.stringify(value).slice(0, -1)),
  form.map((value) => String(new URLSearchParams(value))),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constant(''),
  fc.constant('<!doctype html><p>no'),
);
const header = fc.oneof(
  fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'text/html',
    '7',
    'Microsoft-HTTPAPI/2.0',
  ),
  fc.string(),
);
const headers = fc.dictionary(fc.constantFrom('content-type', 'retry-after', 'date', 'server'), header);
const status = fc.oneof(
  fc.constantFrom(200, 201, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504),
  fc.integer({ min: -1, max: 1_000 }),
);

const statuses = fc.array(
  fc.oneof(fc.constantFrom(200, 400, 429, 500, 503), fc.integer({ min: 100, max: 599 })),
  { maxLength: 5 },
);
const rule: fc.Arbitrary<AnswerRule> = fc.record(
  {
    statuses,
    errors: fc.array(fc.constantFrom(...CODES), { maxLength: 3 }),
    phrases: fc.array(fc.constantFrom('AADSTS90033', 'wait', 'no'), { maxLength: 2 }),
    body: fc.constantFrom('empty' as const, 'html' as const),
    meaning: fc.constantFrom('final' as const, 'refused' as const, 'doubtful' as const),
  },
  { requiredKeys: ['meaning'] },
);
/** Whatever somebody may have managed to store, whether it would be let in or not. */
const settings: fc.Arbitrary<Partial<ProfileSettings>> = fc.record(
  {
    finalErrors: fc.array(fc.constantFrom(...CODES)),
    refusedErrors: fc.array(fc.constantFrom(...CODES)),
    answerRules: fc.array(rule, { maxLength: 3 }),
    errorStatuses: statuses,
  },
  { requiredKeys: [] },
);
const preset = fc.constantFrom(...PROFILE_PRESETS.map(({ name }) => name), 'gone');

const answers = fc.record({ status, headers, text, preset, settings });
type Answer = {
  status: number;
  headers: Record<string, string>;
  text: string;
  preset: string;
  settings: object;
};

function judge(given: Answer, own: Partial<ProfileSettings> = given.settings): Interpretation {
  const answer = { status: given.status, headers: given.headers, body: new Secret(given.text) };
  return classifyAnswer(answer, profileNamed(given.preset, own));
}

const RUNS = { numRuns: 1_500 };

describe('whatever comes back', () => {
  it('P4: it means something; nothing throws', () => {
    fc.assert(
      fc.property(answers, (given) => {
        expect(['granted', 'refused', 'final', 'doubtful']).toContain(judge(given).kind);
      }),
      RUNS,
    );
  });

  it('a grant has an access token, and comes with a 2xx', () => {
    fc.assert(
      fc.property(answers, (given) => {
        const judged = judge(given);
        if (judged.kind !== 'granted') return;
        expect(judged.accessToken.reveal()).not.toBe('');
        expect(given.status).toBeGreaterThanOrEqual(200);
        expect(given.status).toBeLessThan(300);
        if (judged.expiresInMs !== undefined) expect(judged.expiresInMs).toBeGreaterThan(0);
      }),
      RUNS,
    );
  });

  it('P7: a server that failed has said nothing final, whatever is stored of its profile', () => {
    const failures = fc.oneof(fc.constantFrom(500, 502, 503, 504), fc.integer({ min: 500, max: 599 }));
    fc.assert(
      fc.property(answers, failures, (given, failed) => {
        const { kind } = judge({ ...given, status: failed });
        expect(kind).not.toBe('final');
        // Of a 503 it can be proved that nothing was processed; of no other failure.
        if (failed !== 503) expect(kind).toBe('doubtful');
      }),
      RUNS,
    );
  });

  it('P7: nothing is final that does not name a code or a rule of the profile', () => {
    fc.assert(
      fc.property(answers, (given) => {
        const judged = judge(given, {});
        if (judged.kind !== 'final') return;
        const { finalErrors, answerRules } = profileNamed(given.preset);
        const ruled = answerRules
          .filter(({ meaning }) => meaning === 'final')
          .flatMap(({ errors = [] }) => errors);
        expect([...finalErrors, ...ruled]).toContain(judged.code);
      }),
      RUNS,
    );
  });

  it('P9: what is shown is short, and has only the characters of RFC 6749 section 5.2', () => {
    fc.assert(
      fc.property(answers, (given) => {
        const judged = judge(given);
        if (judged.kind === 'granted') return;
        expect(judged.description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e…]+$/);
        expect(judged.description.length).toBeLessThanOrEqual(330);
        expect(judged.code).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/);
      }),
      RUNS,
    );
  });

  it('an unknown setting that is let in never makes it throw', () => {
    fc.assert(
      fc.property(settings, (given) => {
        expect(mistakesInSettings(given).every((mistake) => mistake.startsWith('profile_settings.'))).toBe(
          true,
        );
      }),
      RUNS,
    );
  });
});
