// Shared by the build scripts: how node-gyp is found and called, and what tells whether it must configure again.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)

/** Environment with the headers of the running Node, so that node-gyp need not download them where they are installed. */
export function gypEnv(extra = {}) {
  const env = { ...process.env, ...extra }
  const prefix = dirname(dirname(process.execPath))
  if (!env.npm_config_nodedir && existsSync(join(prefix, 'include/node/node_api.h'))) env.npm_config_nodedir = prefix
  return env
}

/** Runs a tool of node_modules with this Node and leaves the process with its status if it fails. */
export function runTool(name, bin, args, { cwd = packageRoot, env = gypEnv() } = {}) {
  const script = join(dirname(require.resolve(`${name}/package.json`)), bin)
  const { status, signal } = spawnSync(process.execPath, [script, ...args], { cwd, env, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`${name} ${args.join(' ')} failed (${signal ?? `exit code ${status}`})`)
    process.exit(status ?? 1)
  }
}

export const nodeGyp = (args, options) => runTool('node-gyp', 'bin/node-gyp.js', ['--loglevel=warn', ...args], options)

export const jobs = `-j${availableParallelism()}`
