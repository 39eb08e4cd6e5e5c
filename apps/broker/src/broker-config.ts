/** Every setting of the broker, read from the environment once at start. Times are in milliseconds. */
export interface BrokerConfig {
  readonly databaseUrl: string;
  readonly grpc: {
    readonly host: string;
    readonly port: number;
    readonly certFile: string;
    readonly keyFile: string;
    readonly clientCaFile: string;
  };
  readonly web: {
    readonly host: string;
    readonly port: number;
    readonly certFile?: string;
    readonly keyFile?: string;
    /** How users' browsers reach it; the redirect URI begins with it. Without a trailing slash. */
    readonly publicUrl: string;
  };
  readonly sealing: { readonly keyFile?: string; readonly keys?: string };
  /** The replica's own directory for its journal; on a disk that outlives the process. */
  readonly spoolDir: string;
  readonly administrators: readonly string[];
  readonly replica: string;
  readonly logLevel: string;
  readonly tickMs: number;
  readonly exchangeTimeoutMs: number;
  readonly attemptDeadlineMs: number;
  readonly rotationConcurrency: number;
  readonly databaseConnections: number;
  readonly heldConnections: number;
  readonly connectLinkTtlMs: number;
}
