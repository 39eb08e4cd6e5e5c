import { readFileSync } from 'node:fs';
import { messageOf } from '#libs/core';
import type { TlsMaterial } from '#libs/grpc';
import type { BrokerConfig } from './broker-config.js';
import { StartError } from './start-error.js';

/** The certificate files of the gRPC endpoint, which change while the broker runs (promise P12). */
export class GrpcCertificates {
  private latest: TlsMaterial | undefined;

  constructor(private readonly files: BrokerConfig['grpc']) {}

  /** @throws {StartError} where a file cannot be read */
  read(): TlsMaterial {
    const { certFile, keyFile, clientCaFile } = this.files;
    const material = {
      certificate: readText('TOKEN_BROKER_GRPC_CERT_FILE', certFile),
      privateKey: readText('TOKEN_BROKER_GRPC_KEY_FILE', keyFile),
      clientCa: readText('TOKEN_BROKER_GRPC_CLIENT_CA_FILE', clientCaFile),
    };
    this.latest ??= material;
    return material;
  }

  /** The new material where any file has changed since it was last read. */
  readIfChanged(): TlsMaterial | undefined {
    const before = this.latest;
    const now = this.read();
    const changed =
      now.certificate !== before?.certificate ||
      now.privateKey !== before.privateKey ||
      now.clientCa !== before.clientCa;
    if (!changed) return undefined;
    this.latest = now;
    return now;
  }
}

function readText(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`${setting} cannot be read: ${messageOf(error)}`);
  }
}
