/** Connect and callback pages, health, metrics. */
export { WEB_PARTS, type Readiness, type WebParts } from './parts.js';
export { secure } from './secure.js';
export { WebModule } from './web.module.js';
