/**
 * Jest runs each test file in a realm of its own, where `structuredClone` answers objects of the outer
 * realm, which libraries that compare prototypes (oidc-provider's key sets) then refuse. This puts a
 * same-realm version in its place, for the plain data that they clone.
 */
globalThis.structuredClone = ((value: unknown) => clone(value)) as typeof structuredClone;

function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone);
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [clone(k), clone(v)]));
  if (value instanceof Set) return new Set([...value].map(clone));
  if (value instanceof Date) return new Date(value);
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, clone(v)]));
  }
  return value;
}

/** A plain object of this realm or of another one: what is behind its prototype is nothing. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
