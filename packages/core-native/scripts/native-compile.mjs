// Compiles C++ programs without Node: unit tests and fuzz targets. Only what changed is compiled again.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
export const nativeDir = join(root, 'native')
export const buildDir = join(root, 'build')

/** Exit code of a script that lacks a Debian package, as in automake: skipped, not failed. */
export const SKIPPED = 77

/** Layers that stand without sockets and without Node. */
const layers = ['base', 'memory', 'ring', 'http', 'conn', 'broadcast']

/** The `.cc` files of a folder under native/, or of all folders that need no Node; none where there is no such folder. */
export function sources(...folders) {
  return (folders.length > 0 ? folders : layers).flatMap((folder) => {
    const dir = join(nativeDir, folder)
    if (!existsSync(dir)) return []
    return readdirSync(dir)
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => `${folder}/${name}`)
  })
}

/** Can this be compiled and linked here? Asks the compiler itself, as only it knows its paths. */
export function canBuild(compiler, code, flags = []) {
  const args = ['-std=c++20', '-x', 'c++', ...flags, '-', '-o', process.platform === 'win32' ? 'NUL' : '/dev/null']
  return spawnSync(compiler, args, { input: code }).status === 0
}

/** As in binding.gyp, warnings as errors. */
const common = [
  '-std=c++20',
  '-g',
  '-I',
  nativeDir,
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Wnon-virtual-dtor',
  '-Wno-unused-parameter',
  '-Werror',
]

/** Part of `undefined`, and needs the RTTI that the layers have not. */
const noVptrCheck = '-fno-sanitize=vptr'

/**
 * Compiles `sources` (paths under native/) and links them to `build/<name>`; returns the program's path.
 * The layers get the flags of the addon (no exceptions, no RTTI), tests may use all of C++.
 */
export async function compile({ name, compiler, flags, linkFlags = [], sources }) {
  const dir = join(buildDir, name)
  const units = sources.map((source) => {
    const object = join(dir, 'objects', `${source.replaceAll('/', '-')}.o`)
    const core = layers.includes(source.split('/')[0]) ? ['-fno-exceptions', '-fno-rtti'] : []
    const args = [...common, ...core, ...flags, noVptrCheck, '-MMD', '-c', join(nativeDir, source), '-o', object]
    return { source, object, args }
  })
  mkdirSync(join(dir, 'objects'), { recursive: true })

  const stale = units.filter(({ object, args }) => isStale(object, [compiler, ...args]))
  let done = 0
  await inParallel(stale, async ({ source, object, args }) => {
    await run(compiler, args)
    writeFileSync(`${object}.args`, JSON.stringify([compiler, ...args]))
    console.log(`${name}: [${++done}/${stale.length}] ${source}`)
  })

  const program = join(dir, 'program')
  const link = [...flags, ...linkFlags, ...units.map(({ object }) => object), '-o', program]
  if (stale.length > 0 || isStale(program, [compiler, ...link])) {
    await run(compiler, link)
    writeFileSync(`${program}.args`, JSON.stringify([compiler, ...link]))
  }
  return program
}

/** Older than a file it was made from (the compiler lists these in a .d file), or made by another command. */
function isStale(file, command) {
  if (!existsSync(file) || !existsSync(`${file}.args`)) return true
  if (readFileSync(`${file}.args`, 'utf8') !== JSON.stringify(command)) return true
  const list = file.replace(/\.o$/, '.d')
  if (list === file) return false
  const made = statSync(file).mtimeMs
  const files = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').split(/\s+/).slice(1).filter(Boolean)
  return files.some((path) => !existsSync(path) || statSync(path).mtimeMs > made)
}

async function inParallel(items, work) {
  const queue = [...items]
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

function run(program, args) {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 64 << 20 }, (error, _stdout, stderr) => {
      if (stderr !== '') console.error(stderr)
      if (error) {
        console.error(`${program} failed: ${args.at(-1)}`)
        process.exit(1)
      }
      resolve()
    })
  })
}
