// One build for all packages: each entry of `exports` becomes ESM, CJS and types for both. `programs` are started by their URL.
import { join } from 'node:path'
import { defineConfig } from 'tsup'
import { entryPoints, readManifest, root } from './workspace.mjs'

export function packageBuild(dir, programs = {}) {
  const manifest = readManifest(dir)
  return defineConfig({
    entry: { ...Object.fromEntries(entryPoints(dir, manifest).map(([, name, source]) => [name, source])), ...programs },
    format: ['esm', 'cjs'],
    // Without the `paths` of development: here dependencies resolve to their built types, not to their sources.
    tsconfig: join(root, 'tooling/tsconfig/build.json'),
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
    // tsup leaves out dependencies and peers by itself, but would bundle the optional ones.
    external: Object.keys(manifest.optionalDependencies ?? {}).map((name) => new RegExp(`^${name}(/|$)`)),
    clean: true,
    sourcemap: true,
    splitting: true,
    shims: true,
    silent: true,
    target: 'node20',
    removeNodeProtocol: false,
  })
}
