import { status } from '@grpc/grpc-js';
import { BrokerError, StoreUnavailableError, type BrokerEvent, type RefusalReason } from '#libs/core';
import { decodeErrorDetails } from './error-details.js';
import { Failures, statusOfRefusal } from './failures.js';
import { STATUS_OF_REASON } from './status-codes.js';

describe('how failures look on the wire', () => {
  const seen: BrokerEvent[] = [];
  const failures = new Failures({ emit: (event) => void seen.push(event) });
  beforeEach(() => {
    seen.length = 0;
  });

  test.each(Object.keys(STATUS_OF_REASON) as RefusalReason[])('%s comes back as it went', (reason) => {
    const answer = statusOfRefusal({
      reason,
      message: 'What is wrong.',
      metadata: { a: 'b' },
      retryAfterMs: 1_500,
    });
    expect(answer).toMatchObject({ code: STATUS_OF_REASON[reason], details: 'What is wrong.' });
    expect(answer.code).not.toBe(status.OK);
    expect(decodeErrorDetails(answer.metadata)).toEqual({
      reason,
      metadata: { a: 'b' },
      retryAfterMs: 1_500,
    });
  });

  test('a refusal is nothing to tell the log', () => {
    failures.statusOf(BrokerError.of('NOT_FOUND', 'Gone.'), '/x');
    expect(seen).toEqual([]);
  });

  test('a store that is away', () => {
    const answer = failures.statusOf(new StoreUnavailableError('10.0.0.1 refused'), '/x');
    expect(answer).toMatchObject({ code: status.UNAVAILABLE, details: 'The database is away. Try again.' });
    expect(decodeErrorDetails(answer.metadata)).toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
      retryAfterMs: 2_000,
    });
  });

  test('a fault says nothing but a correlation id, under which the event has the rest', () => {
    const error = new Error('secret-refresh-token in a message');
    const answer = failures.statusOf(error, '/tokenbroker.v1.TokenService/GetAccessToken');
    const details = decodeErrorDetails(answer.metadata);
    const id = details?.metadata['correlation_id'] ?? '';
    expect(answer.code).toBe(status.INTERNAL);
    expect(details).toEqual({ reason: 'INTERNAL', metadata: { correlation_id: id } });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(answer)).not.toContain('secret-refresh-token');
    expect(seen).toEqual([
      { type: 'fault', during: `/tokenbroker.v1.TokenService/GetAccessToken ${id}`, error },
    ]);
  });

  test('messages of others can neither break the encoding nor burst the trailers', () => {
    const answer = statusOfRefusal({
      reason: 'AUTHORIZATION_SERVER_REFUSED',
      message: `\ud800${'x'.repeat(5_000)}`,
    });
    expect(() => encodeURI(answer.details)).not.toThrow();
    expect(answer.details.length).toBe(1_000);
  });
});
