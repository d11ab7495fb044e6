import { relative } from 'node:path'
import { entryPoints, root, workspacePackages } from './tooling/shared/workspace.mjs'

// The entry points of a package are its `exports`, by way of the sources behind them. `!` marks what is shipped.
const packages = Object.fromEntries(
  workspacePackages()
    .filter(({ manifest }) => !manifest.private)
    .map(({ dir, manifest }) => [
      relative(root, dir).replaceAll('\\', '/'),
      {
        entry: [
          ...entryPoints(dir, manifest).map(([, , source]) => source),
          'test/**/*.test-d.ts',
          'test/fixtures/**/*.{ts,mjs,cjs}',
          'bench/*.mjs',
          'scripts/*.{mjs,cjs}',
        ],
        project: ['src/**/*.ts', 'test/**/*.ts', 'bench/**', 'scripts/**'],
      },
    ]),
)
// Started by its URL.
packages['packages/streaming'].entry.push('src/worker-thread.ts')
packages['packages/core-native'].ignoreDependencies = ['node-addon-api', 'node-gyp', 'prebuildify']
// Hosts and runtimes that are found by name or as types only.
packages['packages/streaming'].ignoreDependencies = [
  /^(express|express4|fastify|koa|hono|@hono\/node-server|@types\/.*|bun|deno)$/,
]

export default {
  // Every options.ts has the same shape, with exported DEFAULTS, whoever reads them.
  ignoreExportsUsedInFile: true,
  ignoreDependencies: [
    '@arethetypeswrong/cli',
    'publint',
    'pnpm',
    'turbo',
    '@changesets/config',
    // Tests reach it by its alias; listed as a dependency it would be a cycle, as it depends on what it tests.
    '@catzilla/testkit',
  ],
  ignoreBinaries: ['objdump', 'gcc', 'prlimit'],
  workspaces: {
    '.': {
      entry: ['tooling/scripts/*.mjs', 'tooling/shared/test-*.mjs'],
      project: ['tooling/{shared,scripts}/**/*.mjs', '*.ts'],
    },
    ...packages,
    'tooling/bench': {
      entry: ['{src,servers,test}/**/*.{ts,mjs}'],
      project: ['**/*.{ts,mjs}'],
      // Their programs are found by name.
      ignoreDependencies: ['bun', 'deno'],
      ignoreBinaries: ['setpriv', 'taskset'],
    },
    'tooling/testkit': { project: ['src/**', 'test/**'] },
    'apps/examples': {
      ignoreBinaries: ['redis-server'],
      entry: ['*/*.mjs', 'test/**/*.ts'],
      project: ['**/*.{mjs,ts}'],
    },
  },
}
