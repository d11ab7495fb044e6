// Compiles the C++ tools of `native/` when they are missing or older than their sources.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { progress } from './progress.mjs'

export const benchFolder = join(dirname(fileURLToPath(import.meta.url)), '..')
const sourceFolder = join(benchFolder, 'native')
const buildFolder = join(benchFolder, 'build')

const TOOLS = /** @type {const} */ (['load', 'first-byte', 'drain', 'hold', 'subscribe', 'floor-server', 'ring-bench'])
// The ring is measured as it is in the addon.
const coreNative = join(benchFolder, '../../packages/core-native/native')
const FLAGS = ['-std=c++20', '-O2', '-Wall', '-Wextra', '-I', coreNative, '-pthread']

/** @typedef {(typeof TOOLS)[number]} Tool */

/** @param {Tool} tool */
export function toolPath(tool) {
  return join(buildFolder, tool)
}

export function buildTools() {
  const newestSource = Math.max(...[sourceFolder, join(coreNative, 'ring')].flatMap(modifiedIn))
  const stale = TOOLS.filter((tool) => modifiedAt(toolPath(tool)) < newestSource)
  if (stale.length === 0) return
  mkdirSync(buildFolder, { recursive: true })
  for (const tool of stale) {
    progress(`compiling ${tool}`)
    compile(tool)
  }
}

/** @param {Tool} tool */
function compile(tool) {
  const source = join(sourceFolder, `${tool.replaceAll('-', '_')}.cc`)
  // Under a name of its own until it is whole: another run may be about to start the tool.
  const unfinished = `${toolPath(tool)}.${process.pid}`
  const compiler = process.env['CXX'] ?? 'c++'
  const { status, error } = spawnSync(compiler, [...FLAGS, '-o', unfinished, source], { stdio: ['ignore', 2, 2] })
  if (error) throw new Error(`the benchmark needs a C++20 compiler (${compiler}: ${error.message})`)
  if (status !== 0) throw new Error(`cannot compile ${tool}`)
  renameSync(unfinished, toolPath(tool))
}

/** @param {string} folder */
function modifiedIn(folder) {
  return readdirSync(folder).map((file) => modifiedAt(join(folder, file)))
}

/**
 * 0 for what does not exist.
 * @param {string} file
 */
function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
