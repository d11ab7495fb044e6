// The packages as their users get them: packed, and put into projects of their own outside this repository.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { entryPoints, root, workspacePackages } from '../shared/workspace.mjs'
import { pack } from './pack.mjs'

const COMMAND_TIMEOUT_MS = 300_000
const SERVER_TIMEOUT_MS = 30_000

/** A folder that goes when the process does. */
export const workshop = mkdtempSync(join(tmpdir(), 'catzilla-packed-'))
process.on('exit', () => rmSync(workshop, { recursive: true, force: true }))

/** Every published package: `{ name, dir, manifest, tarball, specifiers }`. */
export function packAll() {
  const published = workspacePackages().filter(({ manifest }) => !manifest.private)
  console.log(`packing ${published.length} packages ...`)
  return published.map(({ dir, manifest }) => ({
    name: manifest.name,
    dir,
    manifest,
    tarball: pack(dir, join(workshop, 'tarballs')),
    specifiers: entryPoints(dir, manifest).map(([subpath]) => manifest.name + subpath.slice(1)),
  }))
}

/** An environment without this repository's settings; `compiler: false` leaves nothing but node on the PATH. */
export function cleanEnv({ compiler = true } = {}) {
  const env = { ...process.env, CATZILLA_TRANSPORT: '', CATZILLA_NATIVE: '', CATZILLA_BACKEND: '' }
  for (const name of Object.keys(env)) if (/^(npm_|NODE_PATH$|NODE_OPTIONS$|CC$|CXX$)/i.test(name)) delete env[name]
  if (!compiler) env.PATH = folderOfNode()
  return env
}

/** An empty project with `packages` as dependencies, and all of `available` for what those need. */
export function emptyProject(name, packages, available, { manager = 'npm', env, flags = ['--ignore-scripts'] }) {
  const dir = join(workshop, name.replaceAll(/[^\w-]+/g, '-'))
  mkdirSync(dir)
  const files = (list) => Object.fromEntries(list.map((item) => [item.name, `file:${item.tarball}`]))
  // npm does not let what is asked for directly be overridden, too; pnpm needs it.
  const overrides = files(manager === 'npm' ? available.filter((item) => !packages.includes(item)) : available)
  const manifest = { name: 'empty', version: '1.0.0', private: true, dependencies: files(packages) }
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify(manager === 'npm' ? { ...manifest, overrides } : { ...manifest, pnpm: { overrides } }),
  )
  const quiet = ['--loglevel=error', '--prefer-offline', ...flags]
  const command =
    manager === 'npm'
      ? [npmProgram(), 'install', '--no-audit', '--no-fund', ...quiet]
      : [join(root, 'node_modules/pnpm/bin/pnpm.cjs'), 'install', '--ignore-workspace', ...quiet]
  run(`${name}: install`, dir, command, { env })
  return dir
}

/** Each entry point gives something, as ESM and as CJS. Subpaths for a framework import that framework as a type only. */
export function checkEntryPoints(name, dir, specifiers, options) {
  const expectNames = `if (Object.keys(m).length === 0) throw new Error('exports nothing')`
  const load = (statement) => specifiers.map((specifier) => `{ ${statement(specifier)}; ${expectNames} }`).join('\n')
  const esm = load((specifier) => `const m = await import('${specifier}')`)
  const cjs = load((specifier) => `const m = require('${specifier}')`)
  run(`${name}: import ${specifiers.length} entry points`, dir, ['--input-type=module', '-e', esm], options)
  run(`${name}: require them`, dir, ['--input-type=commonjs', '-e', cjs], options)
}

/** Runs a Node program to its end; leaves the process if it fails. */
export function run(what, cwd, args, { env, node = [process.execPath] }) {
  const { status, signal, stdout, stderr } = spawnSync(node[0], [...node.slice(1), ...args], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
  })
  if (status !== 0) fail(what, `${signal ?? `exit code ${status}`}\n${stdout}${stderr}`)
  console.log(`ok  ${what}`)
  return { stdout, stderr }
}

/** Starts the example that a README opens with, and reads `path` from it. A package without one is told by `undefined`. */
export async function runReadme({ name, dir: source }, dir, { path, expected, env, node = [process.execPath] }) {
  const readme = readFileSync(join(source, 'README.md'), 'utf8')
  const code = /```js\n(.*?)```/s.exec(readme)?.[1]
  if (code === undefined || !code.includes('3000')) return fail(name, 'its README opens with no server on port 3000')
  const port = await freePort()
  const file = join(dir, 'readme.mjs')
  writeFileSync(file, code.replaceAll('3000', String(port)))
  const server = spawn(node[0], [...node.slice(1), file], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => void (output += text))
  try {
    const response = await fetchWhenUp(`http://localhost:${port}${path}`, server)
    const text = await read(response, expected)
    if (response.status !== 200 || !expected.test(text)) {
      fail(name, `the example of its README answered ${response.status} ${JSON.stringify(text.slice(0, 200))}`)
    }
  } catch (error) {
    fail(name, `the example of its README: ${error.message}\n${output}`)
  } finally {
    server.kill('SIGKILL')
  }
  console.log(`ok  ${name}: the example of its README`)
  return output
}

/** All of it, or as much of a stream without an end as is expected. */
async function read(response, expected) {
  const endless = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (endless && expected.test(text)) break
  }
  return text
}

async function fetchWhenUp(url, server) {
  for (const started = Date.now(); ;) {
    try {
      return await fetch(url)
    } catch (error) {
      if (server.exitCode !== null) throw new Error(`exit code ${server.exitCode}`, { cause: error })
      if (Date.now() - started > SERVER_TIMEOUT_MS) throw error
      await setTimeout(50)
    }
  }
}

/** README examples name a port, so port 0 will not do: one that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

export function fail(what, message) {
  console.error(`${what}: ${message}`)
  process.exit(1)
}

let nodeFolder
function folderOfNode() {
  if (nodeFolder === undefined) {
    nodeFolder = join(workshop, 'bin')
    mkdirSync(nodeFolder)
    symlinkSync(process.execPath, join(nodeFolder, 'node'))
  }
  return nodeFolder
}

/** npm's program, to be run by this Node: a shell script that needs a PATH would not do. */
export function npmProgram() {
  if (process.env.npm_execpath?.endsWith('npm-cli.js')) return process.env.npm_execpath
  const prefix = dirname(dirname(process.execPath))
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), join(prefix, 'bin')]) {
    try {
      const file = realpathSync(join(dir, 'npm'))
      return file.endsWith('npm-cli.js') ? file : createRequire(file).resolve('npm/bin/npm-cli.js')
    } catch {
      // Not in this folder: ask the next one.
    }
  }
  return fail('npm', 'not found')
}
