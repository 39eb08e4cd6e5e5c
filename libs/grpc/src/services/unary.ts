import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import type { Workload } from '#libs/core';
import type { Callers } from '../caller/callers.js';
import type { Failures } from '../errors/failures.js';

/** What every method needs around it. */
export interface CallContext {
  readonly callers: Callers;
  readonly failures: Failures;
}

/** Answers one call of an authenticated caller. Refusals and faults are thrown. */
export type Answer<Request, Response> = (
  request: Request,
  caller: Workload,
  call: ServerUnaryCall<Request, Response>,
) => Promise<Response>;

/**
 * *call → who → answer or status*: the one path of every method but health and reflection. A plain function
 * rather than an interceptor, which would cost more than the whole rest of a cached read.
 */
export function unary<Request, Response>(
  { callers, failures }: CallContext,
  answer: Answer<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    // The caller is gone: nothing has been begun yet, so nothing has to be.
    if (call.cancelled) return;
    const failed = (error: unknown): void => callback(failures.statusOf(error, call.getPath()));
    try {
      const caller = callers.identify(call);
      answer(call.request, caller, call)
        .then((response) => callback(null, response), failed)
        // Not even a defect in grpc-js may end the process as an unhandled rejection.
        .catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
