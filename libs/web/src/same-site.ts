import type { IncomingHttpHeaders } from 'node:http';
import { BrokerError } from '#libs/core';

/**
 * Only our own page, or a person, presses the button: told by Fetch Metadata, and by `Origin` where a
 * browser is too old for it. (Our pages send no referrer, so that browsers send `Origin: null` with their
 * forms: it proves nothing.) What is no browser sends neither.
 * @throws {BrokerError} `INVALID_REQUEST`
 */
export function refuseOtherSites(headers: IncomingHttpHeaders, publicUrl: string): void {
  const { 'sec-fetch-site': site, origin } = headers;
  const ours =
    site === undefined
      ? origin === undefined || origin === new URL(publicUrl).origin
      : site === 'same-origin' || site === 'none';
  if (ours) return;
  throw BrokerError.of(
    'INVALID_REQUEST',
    'This was sent from another page, or by a browser that is too old. Open the link itself and continue there.',
  );
}
