// What a package exports, and the source file behind each of its entry points: the one place that build, tests and checks ask.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Every workspace package: `{ dir, manifest }`, `dir` absolute. */
export function workspacePackages() {
  return ['packages', 'apps', 'tooling'].flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .map((entry) => join(root, group, entry.name))
      .filter((dir) => existsSync(join(dir, 'package.json')))
      .map((dir) => ({ dir, manifest: readManifest(dir) })),
  )
}

export function readManifest(dir) {
  return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
}

/** Entry points of a package as `[subpath, name, source]`, e.g. `['./node', 'node', 'src/node.ts']`. */
export function entryPoints(dir, manifest = readManifest(dir)) {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return /\.[mc]?ts$/.test(target) ? [[subpath, basename(target), target]] : []
    const name = target.import.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '')
    const source = [`src/${name}.ts`, `src/adapters/${name}.ts`].find((file) => existsSync(join(dir, file)))
    if (source === undefined)
      throw new Error(`${manifest.name}: no source file for the export "${subpath}" (src/${name}.ts)`)
    return [[subpath, name, source]]
  })
}
