import { z } from 'zod';

/** Checks a client registration that came from outside (environment, control API). */
export const clientRegistrationSchema = z.strictObject({
  client_id: z.string().min(1),
  client_name: z.string().optional(),
  client_secret: z.string().min(1).optional(),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post', 'none']).optional(),
  grant_types: z.array(z.enum(['authorization_code', 'refresh_token', 'client_credentials'])).optional(),
  redirect_uris: z.array(z.url()).optional(),
  linked_user: z.string().min(1).optional(),
  access_token_ttl_seconds: z.int().positive().optional(),
});
