// The house's rules (docs: "The house"), checked by `npm run check:architecture`. Types count as imports:
// a port that names an adapter's type depends on the adapter.

const SPEC = '\\.spec\\.ts$';
const EMBEDDED = '^libs/postgres/src/embedded/';
/** What another library may import of a library. */
const ENTRIES = '^libs/[^/]+/src/index\\.ts$|^libs/postgres/src/embedded/index\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'core-is-plain-typescript',
      comment: "libs/core imports nothing of the project and no package: only itself and Node's own modules.",
      severity: 'error',
      from: { path: '^libs/core/', pathNot: SPEC },
      to: { pathNot: '^libs/core/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'core-specs-stay-inside',
      comment: 'A spec of libs/core may use test packages, but nothing else of the project.',
      severity: 'error',
      from: { path: '^libs/core/.*\\.spec\\.ts$' },
      to: { path: '^(apps|libs|migrations|proto)/', pathNot: '^libs/core/' },
    },
    {
      name: 'adapters-do-not-know-each-other',
      comment: 'An adapter imports libs/core and libs/observability; the apps put adapters together.',
      severity: 'error',
      from: { path: '^libs/(postgres|oauth|sealing|spool|grpc|web)/' },
      to: { path: '^libs/', pathNot: '^libs/($1|core|observability)/' },
    },
    {
      name: 'observability-knows-only-core',
      severity: 'error',
      from: { path: '^libs/observability/' },
      to: { path: '^libs/', pathNot: '^libs/(observability|core)/' },
    },
    {
      name: 'client-stands-alone',
      comment: 'Other services install libs/client: it carries the wire contract and nothing of the broker.',
      severity: 'error',
      from: { path: '^libs/client/', pathNot: SPEC },
      to: { path: '^(apps|libs|migrations)/', pathNot: '^libs/client/' },
    },
    {
      name: 'through-the-index-between-libs',
      comment: "Import a library as '#libs/<name>', never one of its files.",
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^libs/$1/', ENTRIES] },
    },
    {
      name: 'through-the-index-from-outside',
      comment: "Import a library as '#libs/<name>', never one of its files.",
      severity: 'error',
      from: { path: '^(apps|migrations|test)/' },
      to: { path: '^libs/', pathNot: ENTRIES },
    },
    {
      name: 'libs-do-not-import-apps',
      severity: 'error',
      from: { path: '^(libs|migrations)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'development-stays-in-development',
      comment: 'Only apps/dev, apps/dev-as and the tests may import the development programs.',
      severity: 'error',
      from: { pathNot: ['^apps/(dev|dev-as)/', '^test/', SPEC] },
      to: { path: '^apps/(dev|dev-as)/' },
    },
    {
      name: 'embedded-server-stays-in-development',
      comment:
        'The embedded PostgreSQL server needs a development dependency, so production code cannot have it.',
      severity: 'error',
      from: { pathNot: [EMBEDDED, '^apps/(dev|dev-as)/', '^test/', SPEC] },
      to: { path: EMBEDDED },
    },
    {
      name: 'no-tests-in-production',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: SPEC },
      to: { path: ['^test/', SPEC] },
    },
    {
      name: 'no-development-dependencies-in-production',
      comment: 'What is not in "dependencies" is missing from the container image. Types are gone by then.',
      severity: 'error',
      from: { path: '^(apps/(broker|brokerctl)|libs|migrations)/', pathNot: [SPEC, EMBEDDED] },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional'],
        dependencyTypesNot: ['type-only', 'npm'],
      },
    },
    {
      name: 'sql-only-in-postgres',
      comment: 'libs/postgres and the migrations are the only places with SQL.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/postgres/', SPEC, '^apps/(dev|dev-as)/'] },
      to: { path: '(^|/)node_modules/(typeorm|pg|@types/pg)/' },
    },
    {
      name: 'oauth-only-in-oauth',
      comment: 'libs/oauth is the only place that talks to an authorization server.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/oauth/', SPEC, '^apps/(dev|dev-as)/'] },
      to: { path: '(^|/)node_modules/(openid-client|oauth4webapi)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      comment:
        'A misspelt path, or a package that is not installed. Run "npm run generate" when it is #proto.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^proto/generated/'] },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      // `#libs/x` means the source here, as it does to the compiler and to Jest (package.json, "imports").
      conditionNames: ['token-broker-source', 'import', 'node', 'types', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
