import type { RefusalReason } from '#libs/core';

/** Matches a `BrokerError` with this reason, for `toThrow` and `toEqual`; with `says`, with such a message. */
export function aRefusal(reason: RefusalReason, says = /(?:)/): Error {
  return expect.objectContaining({
    name: 'BrokerError',
    refusal: expect.objectContaining({ reason, message: expect.stringMatching(says) }),
  }) as Error;
}
