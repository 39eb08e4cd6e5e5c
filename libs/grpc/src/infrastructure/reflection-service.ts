import type { handleBidiStreamingCall, Server, ServerDuplexStream } from '@grpc/grpc-js';
import { ReflectionService as Reflection } from '@grpc/reflection';
import { service as healthDefinition } from 'grpc-health-check';
import { FILE_DESCRIPTORS } from '#proto/descriptors';
import type { CallContext } from '../services/unary.js';
import { OpenStreams } from './open-streams.js';

const MOST_STREAMS = 100;

type PackageDefinition = ConstructorParameters<typeof Reflection>[0];
type AddService = Parameters<Reflection['addToServer']>[0]['addService'];
type Handler = handleBidiStreamingCall<unknown, unknown>;

/**
 * `grpc.reflection.v1.ServerReflection`, and v1alpha for older tools: shows the contract to authenticated
 * callers. It reads the descriptors that `buf generate` compiled into the program, so that it needs no
 * `.proto` files at run time.
 */
export class ReflectionService {
  private readonly open = new OpenStreams(MOST_STREAMS);

  constructor(private readonly context: CallContext) {}

  /** Registers the methods, each behind the authentication that everything else is behind. */
  addTo(server: Pick<Server, 'addService'>): void {
    const addService: AddService = (definition, implementation) => {
      const guarded = Object.entries(implementation).map(([name, handler]) => [
        name,
        this.guard(handler as Handler),
      ]);
      server.addService(definition, Object.fromEntries(guarded) as typeof implementation);
    };
    new Reflection(packageDefinition()).addToServer({ addService });
  }

  /** Ends the open streams, so that they do not hold up the close of the server. */
  close(): void {
    this.open.endAll();
  }

  private guard(handler: Handler): Handler {
    const { callers, failures } = this.context;
    return (stream: ServerDuplexStream<unknown, unknown>) => {
      try {
        callers.identify(stream);
      } catch (error) {
        stream.emit('error', failures.statusOf(error, stream.getPath()));
        return;
      }
      if (this.open.add(stream)) handler(stream);
    };
  }
}

/** The reflection library looks at nothing but the descriptors in a package definition. */
function packageDefinition(): PackageDefinition {
  const fileDescriptorProtos = FILE_DESCRIPTORS.map((base64) => Buffer.from(base64, 'base64'));
  const contract = { format: 'Protocol Buffer 3 DescriptorProto' as const, type: {}, fileDescriptorProtos };
  const health = Object.values(healthDefinition)[0]?.requestType;
  return { contract, ...(health ? { health } : {}) };
}
