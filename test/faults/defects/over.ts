import type { RotationStore } from '#libs/core';

/** A store that is the real one but for some methods. */
export function over<Store extends RotationStore>(
  real: Store,
  methods: Partial<RotationStore>,
): RotationStore {
  return new Proxy(real, {
    get: (target, name) => {
      const replaced = methods[name as keyof RotationStore];
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
