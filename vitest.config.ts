import { existsSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { entryPoints, root, workspacePackages } from './tooling/shared/workspace.mjs'

const packages = workspacePackages()

// Tests see the sources of every workspace package, so that an edit needs no rebuild. Exact matches only.
// With CATZILLA_TEST_BUILT=1 they see what is built, as users do (`npm run test:matrix`).
const alias =
  process.env['CATZILLA_TEST_BUILT'] === '1'
    ? []
    : [
        ...packages.flatMap(({ dir, manifest }) =>
          entryPoints(dir, manifest).map(([subpath, , source]) => ({
            find: new RegExp(`^${join(manifest.name, subpath).replaceAll('\\', '/')}$`),
            replacement: join(dir, source),
          })),
        ),
        // What threads run is bundled from the same sources.
        { find: /^\.\/thread-url\.ts$/, replacement: join(root, 'tooling/shared/test-thread-url.mjs') },
      ]

export default defineConfig({
  resolve: { alias },
  test: {
    pool: 'forks',
    globalSetup: [join(root, 'tooling/shared/test-build.mjs')],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
    coverage: { provider: 'v8', include: ['packages/*/src/**/*.ts'], reportsDirectory: 'coverage' },
    projects: [
      ...packages
        .filter(({ dir }) => existsSync(join(dir, 'test')))
        .map(({ dir, manifest }) => ({
          extends: true as const,
          // The root stays the repository's, so that `npm test -- packages/sse` means what it says.
          test: {
            name: basename(manifest.name),
            include: [`${relative(root, dir).replaceAll('\\', '/')}/test/**/*.test.ts`],
          },
        })),
      {
        extends: true as const,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['{packages,tooling,apps}/*/test/**/*.test-d.ts'],
            tsconfig: './tsconfig.json',
            ignoreSourceErrors: true,
          },
        },
      },
    ],
  },
})
