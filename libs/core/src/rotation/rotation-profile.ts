import type { ProfileSettings } from '../oauth-client/profile.js';
import type { OAuthClient } from '../oauth-client/oauth-client.js';

/** What a rotation has to know of an authorization server before it decides what a failure means. */
export type RotationProfile = Pick<ProfileSettings, 'probe' | 'reuse' | 'rotates' | 'graceWindowMs'>;

/** What is assumed of a server of which nothing is known. */
export const STRICTEST: RotationProfile = {
  probe: 'late',
  reuse: 'revokes',
  rotates: true,
  graceWindowMs: 0,
};

/** The profiles of connections, from memory: they are needed while a row is locked. */
export interface RotationProfiles {
  /** @param clientId the OAuth client of a connection */
  of(clientId: string): RotationProfile;
}

/** The profiles of the OAuth clients that are known; of others the strictest. */
export function profilesOf(
  known: (clientId: string) => OAuthClient | undefined,
  endpoint: { profileOf(client: OAuthClient): RotationProfile },
): RotationProfiles {
  return {
    of: (clientId) => {
      const client = known(clientId);
      return client ? endpoint.profileOf(client) : STRICTEST;
    },
  };
}
