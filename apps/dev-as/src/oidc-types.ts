import type ProviderClass from 'oidc-provider';

export type { Configuration, KoaContextWithOIDC } from 'oidc-provider';

/** An oidc-provider instance (type only: the module is loaded at run time, see load-oidc-provider.ts). */
export type Provider = InstanceType<typeof ProviderClass>;
