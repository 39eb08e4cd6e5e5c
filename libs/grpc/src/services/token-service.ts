import { BrokerError, parseConnectionName, type AccessTokenRequest } from '#libs/core';
import type { TokenServiceServer } from '#proto/tokenbroker/v1/token_service';
import { deadlineOf } from '../deadline.js';
import { checkedMillis, durationFromMillis, timestampFromMillis } from '../messages/time.js';
import type { GrpcServerParts } from '../parts.js';
import { unary, type CallContext } from './unary.js';

/** No authorization server issues access tokens that live longer than this. */
const LONGEST_MIN_TTL_MS = 30 * 24 * 3_600_000;

/** `tokenbroker.v1.TokenService`: the hot path. */
export function tokenService(
  context: CallContext,
  { handOut, clock }: Pick<GrpcServerParts, 'handOut' | 'clock'>,
): Pick<TokenServiceServer, 'getAccessToken'> {
  return {
    getAccessToken: unary(context, async (request, caller, call) => {
      const asked: AccessTokenRequest = {
        connection: parseConnectionName(request.connection),
        scopes: request.scopes,
        resource: request.resource,
        deadline: deadlineOf(call, clock),
        ...(request.minTtl && { minTtlMs: checkedMillis(request.minTtl, 'min_ttl', LONGEST_MIN_TTL_MS) }),
      };
      const answer = await handOut.get(caller, asked);
      if ('refusal' in answer) throw new BrokerError(answer.refusal);
      const { token, ttlMs } = answer;
      return {
        accessToken: token.token.reveal(),
        tokenType: token.tokenType,
        expireTime: timestampFromMillis(token.expiresAt),
        scopes: [...token.scopes],
        resource: token.resource,
        ttl: durationFromMillis(ttlMs),
        generation: BigInt(token.generation),
      };
    }),
  };
}
