import { Writable } from 'node:stream';
import { Secret, type BrokerEvent } from '#libs/core';
import { createEventSink, createLogger, Metrics, redactText } from './index.js';

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

function collecting(): { lines: string[]; stream: Writable } {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, stream };
}

describe('the log', () => {
  it('P9: writes no token, wherever it stands', () => {
    const { lines, stream } = collecting();
    const logger = createLogger({ level: 'debug', replica: 'r', destination: stream });
    const opaque = 'Zk3-opaque-refresh-token-value-0123456789';
    logger.info({ refresh_token: opaque, nested: { accessToken: JWT, list: [JWT] } }, `token ${JWT}`);
    logger.error({
      error: new Error(`failed with Bearer ${opaque}`, { cause: new Error(`refresh_token=${opaque}`) }),
    });
    logger.warn({ url: `postgres://user:${opaque}@host/db`, callback: `/callback?code=${opaque}&state=abc` });
    logger.info({ secret: new Secret(opaque), link: `http://x/connect/${JWT}` });
    const written = lines.join('');
    expect(lines).toHaveLength(4);
    expect(written).not.toContain(opaque);
    expect(written).not.toContain(JWT.slice(0, 30));
    expect(written).toContain('[masked]');
  });

  it('keeps what operators need: error codes, connection names, host names', () => {
    const text =
      'clients/indicium/connections/u123: invalid_grant at https://as.example/connect/token ECONNREFUSED';
    expect(redactText(text)).toBe(text);
    const { lines, stream } = collecting();
    const error = { code: 'invalid_grant', description: 'grant request is invalid', at: 1 };
    createLogger({ level: 'info', replica: 'r', destination: stream }).info({ error });
    expect(JSON.parse(lines.join(''))).toMatchObject({ error, level: 'info', replica: 'r' });
  });
});

describe('metrics', () => {
  const figures = {
    byState: { ACTIVE: 3, IN_DOUBT: 1, REAUTHORIZATION_REQUIRED: 0, PAUSED: 0, REVOKED: 0 },
    byClient: [{ client: 'c', slackMs: 90_000, unserved: 2 }],
    oldestOverdueMs: 2_500,
    reauthorizationsDue: { '1d': 1, '7d': 4, '30d': 9 },
  };
  const read: BrokerEvent = {
    type: 'token.read',
    connection: 'c',
    workload: 'w',
    outcome: 'cached',
    durationMs: 1,
  };

  const quiet = {
    heldConnections: () => 0,
    pendingSaves: () => 0,
    objection: () => undefined,
    replicas: () => ({ LIVE: 2, PENDING: 0, SILENT: 1, DRAINED: 0, LOST: 0 }),
    spool: () => ({ attempts: 3, bytes: 4_096 }),
    clients: () => [],
    waitingReads: () => 0,
  };

  it('tell rotations, connections, what is overdue, and reads', async () => {
    const metrics = new Metrics();
    metrics.observe({
      stats: { stats: async () => figures },
      ...quiet,
      heldConnections: () => 7,
      pendingSaves: () => 2,
      objection: () => ({ code: 'frozen' as const }),
      waitingReads: () => 5,
      clients: () => [
        { client: 'c', frozen: true, breakerOpen: false },
        { client: 'd', frozen: false, breakerOpen: true },
      ],
    });
    const sink = createEventSink(createLogger({ level: 'fatal', replica: 'r' }), metrics);
    sink.emit(read);
    sink.emit({
      type: 'rotation.failed',
      connection: 'c',
      trigger: 'schedule',
      outcome: 'denied',
      generation: 1,
      durationMs: 20,
    });
    const { text } = await metrics.exposition();
    expect(text).toContain('token_broker_token_reads_total{outcome="cached"} 1');
    expect(text).toContain('token_broker_rotations_total{outcome="denied",trigger="schedule"} 1');
    expect(text).toContain('token_broker_connections{state="ACTIVE"} 3');
    expect(text).toContain('token_broker_oldest_overdue_seconds 2.5');
    expect(text).toContain('token_broker_reauthorizations_due{within="7d"} 4');
    expect(text).toContain('token_broker_held_connections 7');
    expect(text).toContain('token_broker_pending_saves 2');
    expect(text).toContain('token_broker_waiting_reads 5');
    expect(text).toContain('token_broker_database_up 1');
    expect(text).toContain('token_broker_spending_stopped{cause="frozen"} 1');
    expect(text).toContain('token_broker_spending_stopped{cause="not_admitted"} 0');
    expect(text).toContain('token_broker_replicas{state="SILENT"} 1');
    expect(text).toContain('token_broker_spool_bytes 4096');
    expect(text).toContain('token_broker_client_frozen{client="c"} 1');
    expect(text).toContain('token_broker_client_frozen{client="d"} 0');
    expect(text).toContain('token_broker_breaker_open{client="d"} 1');
    expect(text).toContain('token_broker_slack_seconds{client="c"} 90');
    expect(text).toContain('token_broker_unserved_connections{client="c"} 2');
  });

  it('answer without the database, and say that it is away', async () => {
    const metrics = new Metrics();
    const stats = { stats: () => Promise.reject(new Error('away')) };
    metrics.observe({ ...quiet, stats });
    expect((await metrics.exposition()).text).toContain('token_broker_database_up 0');
  });
});
