import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  loadPackageDefinition,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const require = createRequire(import.meta.url);
const proto = join(
  dirname(require.resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection/v1/reflection.proto',
);

/** Asks one question by `grpc.reflection.v1`. Rejects with the status of a refused call. */
export function reflect(
  address: string,
  credentials: ChannelCredentials,
  question: object,
): Promise<unknown> {
  const definition = loadSync(proto, { longs: String, enums: String, bytes: Array, oneofs: true });
  const grpc = loadPackageDefinition(definition) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: ServiceClientConstructor } } };
  };
  const client = new grpc.grpc.reflection.v1.ServerReflection(address, credentials, {
    'grpc.use_local_subchannel_pool': 1,
  });
  const open = client['ServerReflectionInfo'] as unknown as () => ClientDuplexStream<object, object>;
  return new Promise((resolve, reject) => {
    const stream = open.call(client);
    stream.on('data', resolve);
    stream.on('error', reject);
    stream.write(question);
    stream.end();
  }).finally(() => client.close());
}
