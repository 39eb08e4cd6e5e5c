import { BrokerError } from './errors.js';

/**
 * Resource names in the style of AIP-122: `clients/indicium/connections/u123`. The last segments are
 * chosen by the caller: letters, digits and `-._~@`, at most 100 characters.
 */
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._~@-]{0,99}$/;

/** A connection's name in its parts. */
export interface ConnectionName {
  readonly clientId: string;
  readonly connectionId: string;
}

/** The name of an OAuth client. */
export function clientName(clientId: string): string {
  return `clients/${clientId}`;
}

/** The name of a connection. */
export function connectionName(name: ConnectionName): string {
  return `clients/${name.clientId}/connections/${name.connectionId}`;
}

/** The name of a workload. */
export function workloadName(workloadId: string): string {
  return `workloads/${workloadId}`;
}

/** The name of an access rule. */
export function accessRuleName(ruleId: string): string {
  return `accessRules/${ruleId}`;
}

/** @throws {BrokerError} `INVALID_REQUEST` where the name has another form. */
export function parseClientName(name: string): string {
  return parseSimpleName(name, 'clients', 'client');
}

/** @throws {BrokerError} `INVALID_REQUEST` where the name has another form. */
export function parseWorkloadName(name: string): string {
  return parseSimpleName(name, 'workloads', 'workload');
}

/** @throws {BrokerError} `INVALID_REQUEST` where the name has another form. */
export function parseAccessRuleName(name: string): string {
  return parseSimpleName(name, 'accessRules', 'access rule');
}

/** The parts of a connection's name, or `undefined` where it has another form. */
export function tryParseConnectionName(name: string): ConnectionName | undefined {
  const [collection, clientId, child, connectionId, ...rest] = name.split('/');
  if (collection !== 'clients' || child !== 'connections' || rest.length > 0) return undefined;
  if (clientId === undefined || connectionId === undefined) return undefined;
  if (!SEGMENT.test(clientId) || !SEGMENT.test(connectionId)) return undefined;
  return { clientId, connectionId };
}

/** @throws {BrokerError} `INVALID_REQUEST` where the name has another form. */
export function parseConnectionName(name: string): ConnectionName {
  const parsed = tryParseConnectionName(name);
  if (parsed === undefined) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `"${clip(name)}" is not a connection's name. Write it as clients/{client}/connections/{connection}.`,
    );
  }
  return parsed;
}

/** The name of a replica. */
export function replicaName(spoolId: string): string {
  return `replicas/${spoolId}`;
}

/** @throws {BrokerError} `INVALID_REQUEST` where the name is not `replicas/{id of its spool}` */
export function parseReplicaName(name: string): string {
  const [, spoolId] = /^replicas\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(name) ?? [];
  if (spoolId === undefined) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `"${clip(name)}" is not the name of a replica. Write it as replicas/{replica}, as ListReplicas shows it.`,
    );
  }
  return spoolId;
}

/**
 * Checks the last segment of a name that a caller chose.
 * @throws {BrokerError} `INVALID_REQUEST`
 */
export function checkSegment(value: string, what: string): string {
  if (!SEGMENT.test(value)) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `"${clip(value)}" cannot be ${what}: use 1 to 100 letters, digits and -._~@, beginning with a letter or digit.`,
    );
  }
  return value;
}

/**
 * Whether a connection's name matches a pattern in which `*` stands for any characters within one segment.
 * Works in time linear in the name, so that a pattern cannot be used to burn time.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const patternSegments = pattern.split('/');
  const segments = name.split('/');
  if (patternSegments.length !== segments.length) return false;
  return patternSegments.every((part, i) => segmentMatches(part, segments[i] ?? ''));
}

/** @throws {BrokerError} `INVALID_REQUEST` where a pattern can never match a connection. */
export function checkConnectionPattern(pattern: string): string {
  const sample = tryParseConnectionName(pattern.replaceAll('*', 'x'));
  if (sample === undefined) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `"${clip(pattern)}" is not a pattern of connections. Write it as clients/{client}/connections/{connection}, with * where any characters may stand.`,
    );
  }
  return pattern;
}

function segmentMatches(pattern: string, segment: string): boolean {
  const [head = '', ...tail] = pattern.split('*');
  if (tail.length === 0) return pattern === segment;
  const last = tail.pop() ?? '';
  if (segment.length < head.length + last.length) return false;
  if (!segment.startsWith(head) || !segment.endsWith(last)) return false;
  let at = head.length;
  const end = segment.length - last.length;
  for (const piece of tail) {
    const found = segment.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

function parseSimpleName(name: string, collection: string, what: string): string {
  const [first, id, ...rest] = name.split('/');
  if (first !== collection || id === undefined || rest.length > 0 || !SEGMENT.test(id)) {
    throw BrokerError.of(
      'INVALID_REQUEST',
      `"${clip(name)}" is not the name of a ${what}. Write it as ${collection}/{${what.replace(' ', '_')}}.`,
    );
  }
  return id;
}

function clip(value: string): string {
  const printable = value.replaceAll(/[^\x20-\x7e]/g, '?');
  return printable.length > 120 ? `${printable.slice(0, 117)}...` : printable;
}
