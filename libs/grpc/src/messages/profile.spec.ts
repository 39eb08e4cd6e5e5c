import type { ProfileSettings } from '#libs/core';
import {
  ProfileSettings as WireProfileSettings,
  type ProfileSettings_AnswerRule_Meaning,
  type ProfileSettings_NotProcessed_Proof,
  type ProfileSettings_Probe,
} from '#proto/tokenbroker/v1/profile';
import { profileSettingsFromWire, profileSettingsToWire, SETTING_OF_PATH } from './profile.js';

const ALL: ProfileSettings = {
  finalErrors: ['invalid_grant'],
  refusedErrors: [],
  answerRules: [
    { statuses: [400], errors: ['x'], phrases: ['a phrase'], body: 'html', meaning: 'doubtful' },
    { body: 'empty', meaning: 'final' },
  ],
  errorStatuses: [400, 403],
  notProcessed: [{ status: 503, proofs: ['retry-after', 'http-sys-page', 'status'] }],
  probe: 'never',
  reuse: 'accepted',
  rotates: false,
  graceWindowMs: 30_500,
  consentForOfflineAccess: false,
  authorizationParameters: { audience: 'https://api.example' },
};

/** Through the bytes of the wire and back. */
function sent(settings: Partial<ProfileSettings>): Partial<ProfileSettings> {
  const bytes = WireProfileSettings.encode(profileSettingsToWire(settings)).finish();
  return profileSettingsFromWire(WireProfileSettings.decode(bytes));
}

describe('profile settings on the wire', () => {
  test('come back as they were, all of them', () => {
    expect(sent(ALL)).toEqual(ALL);
  });

  test.each(Object.entries(ALL))('%s alone comes back alone', (setting, value) => {
    expect(sent({ [setting]: value })).toEqual({ [setting]: value });
  });

  test('an empty list is a list; what is not set is nothing', () => {
    expect(sent({ finalErrors: [] })).toEqual({ finalErrors: [] });
    expect(sent({})).toEqual({});
  });

  test('each of them can be named in an update mask', () => {
    expect(Object.values(SETTING_OF_PATH).sort()).toEqual(Object.keys(ALL).sort());
  });

  test('numbers that are no values are refused', () => {
    const none = profileSettingsToWire({});
    const rule = { statuses: [], errors: ['x'], phrases: [], body: 0 };
    const odd = [
      { ...none, probe: 9 as ProfileSettings_Probe },
      { ...none, answerRules: { rules: [{ ...rule, meaning: 9 as ProfileSettings_AnswerRule_Meaning }] } },
      { ...none, answerRules: { rules: [{ ...rule, meaning: 0 as ProfileSettings_AnswerRule_Meaning }] } },
      {
        ...none,
        notProcessed: { entries: [{ status: 429, proofs: [0 as ProfileSettings_NotProcessed_Proof] }] },
      },
      { ...none, graceWindow: { seconds: -1n, nanos: 0 } },
    ];
    for (const wire of odd) expect(() => profileSettingsFromWire(wire)).toThrow(/profile_settings/);
  });
});
