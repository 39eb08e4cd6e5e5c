import { readFileSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TokenServiceService, type GetAccessTokenResponse } from '#proto/tokenbroker/v1/token_service';

/**
 * The reference that the broker is measured against: a bare grpc-js server that answers the same message over
 * the same mTLS, and does nothing else.
 */
const [ca = '', certificate = '', key = '', tokenLength = '900'] = process.argv.slice(2);

const answer: GetAccessTokenResponse = {
  accessToken: 'x'.repeat(Number(tokenLength)),
  tokenType: 'Bearer',
  expireTime: { seconds: 1_800_000_000n, nanos: 0 },
  scopes: ['sf/software_development'],
  resource: '',
  ttl: { seconds: 3_000n, nanos: 0 },
  generation: 1n,
};

const server = new Server();
server.addService(TokenServiceService, {
  getAccessToken: (_call: unknown, callback: (error: null, response: GetAccessTokenResponse) => void) =>
    callback(null, answer),
});
const credentials = ServerCredentials.createSsl(
  readFileSync(ca),
  [{ cert_chain: readFileSync(certificate), private_key: readFileSync(key) }],
  true,
);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  process.stdout.write(`${JSON.stringify({ event: 'reference.listening', port })}\n`);
});
process.once('SIGTERM', () => server.forceShutdown());
process.once('disconnect', () => process.exit());
