import { BrokerError, type AccessPolicy, type Workload } from '#libs/core';
import type { Authenticator, IncomingCall } from './authenticator.js';
import { MutualTls } from './mutual-tls.js';

/** The ways to say who one is, in the order in which they are asked. */
export function authenticators(): readonly Authenticator[] {
  return [new MutualTls()];
}

/** Knows who calls (promise P8: authenticate first). */
export class Callers {
  constructor(
    private readonly chain: readonly Authenticator[],
    private readonly policy: () => AccessPolicy,
  ) {}

  /**
   * The workload that makes a call. The credential's identities may be remembered per connection; what
   * they mean is looked up in the policy of this moment, so that a deleted workload is out at once.
   * @throws {BrokerError} `UNAUTHENTICATED`
   */
  identify(call: IncomingCall): Workload {
    for (const authenticator of this.chain) {
      const identities = authenticator.authenticate(call);
      if (identities === undefined) continue;
      const workload = this.policy().authenticate(identities);
      if (workload !== undefined) return workload;
      throw BrokerError.of('UNAUTHENTICATED', unregistered(identities));
    }
    const wanted = this.chain.map(({ credential }) => credential).join(', or ');
    throw BrokerError.of(
      'UNAUTHENTICATED',
      `Callers identify themselves with ${wanted}; this call has none.`,
    );
  }
}

function unregistered(identities: readonly string[]): string {
  if (identities.length === 0) {
    return 'The client certificate has no SPIFFE ID, DNS name or common name that could be registered.';
  }
  const shown = identities.slice(0, 3).join(', ');
  return `No workload is registered for ${shown}. An administrator can register one.`;
}
