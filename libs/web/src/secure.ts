import { createHash } from 'node:crypto';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { STYLE } from './pages.js';

/**
 * The headers of every answer: no scripts, nothing from elsewhere, no frames, no referrer, no caching.
 * `form-action` is left open to other sites on purpose: browsers apply it to the redirect that follows a
 * form, and that one leads to whichever authorization server the connection is at.
 */
export function secure(app: NestExpressApplication, publicUrl: string): void {
  const styleHash = createHash('sha256').update(STYLE).digest('base64');
  const https = publicUrl.startsWith('https:');
  app.disable('x-powered-by');
  app.set('trust proxy', false);
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          styleSrc: [`'sha256-${styleHash}'`],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
          formAction: ["'self'", 'https:', ...(https ? [] : ['http://127.0.0.1:*', 'http://localhost:*'])],
        },
      },
      referrerPolicy: { policy: 'no-referrer' },
      strictTransportSecurity: https,
      xFrameOptions: { action: 'deny' },
    }),
    (_request: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
      response.setHeader('cache-control', 'no-store');
      next();
    },
  );
}
