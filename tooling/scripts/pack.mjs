// Packs a workspace package as `pnpm publish` would, into a folder of the caller.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shared/workspace.mjs'

/** Packs `dir` into `destination` and returns the tarball's path. `scripts: false` skips prepack, i.e. the prebuild of the addon. */
export function pack(dir, destination, { scripts = true } = {}) {
  mkdirSync(destination, { recursive: true })
  const args = ['pack', '--json', '--pack-destination', destination]
  if (!scripts) args.push('--config.ignore-scripts=true')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/pnpm/bin/pnpm.cjs'), ...args],
    {
      cwd: dir,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (status !== 0) throw new Error(`pnpm pack failed in ${dir}\n${stdout}${stderr}`)
  // prepack may print before the JSON.
  const { filename } = JSON.parse(stdout.slice(stdout.search(/^\{/m)))
  return join(destination, filename.split(/[\\/]/).at(-1))
}
