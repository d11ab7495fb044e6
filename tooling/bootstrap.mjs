// `npm start` and `npm test` on a fresh clone: everything between a bare Node and a running program. Only built-in modules here.
//   start             install, build, run the demo server
//   test [...args]    install, build, vitest run [...args]
//   build             install, build
//   bench [...args]   install, build, run tooling/bench
//   run script [...]  install, build, run a script of this repository
//   turbo task [...]  install, build, turbo run task
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const windows = process.platform === 'win32'
const cache = join(root, 'node_modules/.cache/catzilla')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const env = environment()
const [command = 'start', ...args] = process.argv.slice(2)
process.chdir(root)

checkNode()
prepare()
switch (command) {
  case 'start':
    // In this process and not in a child: one process fewer to stop.
    Object.assign(process.env, env)
    await import(pathToFileURL(join(root, 'apps/examples/demo/server.mjs')).href)
    break
  case 'test':
    run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args])
    break
  case 'bench':
    run(process.execPath, ['tooling/bench/src/run.mjs', ...args])
    break
  case 'run':
    run(process.execPath, args)
    break
  case 'turbo':
    turbo(args)
    break
  case 'build':
    break
  default:
    fail(`unknown command "${command}": use start, test, build, bench, run or turbo`)
}

/** Installs and builds what is missing or out of date. One process at a time: a second terminal waits for the first. */
function prepare() {
  const unlock = lock()
  try {
    install()
    env.CATZILLA_NATIVE ??= nativeToolchain()
    const started = performance.now()
    turbo(['build'])
    progress(`built in ${seconds(started)}`)
  } finally {
    unlock()
  }
}

function turbo(parameters) {
  run('turbo', ['run', ...parameters, '--output-logs=new-only', '--log-order=stream'])
}

function install() {
  const stamp = join(cache, 'installed')
  const wanted = dependencyHash()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  const started = performance.now()
  progress('installing dependencies (first run or changed lockfile) ...')
  const flags = ['install', '--frozen-lockfile', '--prefer-offline', '--ignore-scripts']
  // npx asks the registry about the package on every call, so it serves where there is no pnpm yet, or where the installed one
  // fails: when it has to replace all of node_modules, it removes itself.
  const done = installedPnpm() === manifest.packageManager && spawn('pnpm', flags).status === 0
  if (!done) run('npx', ['--yes', '--prefer-offline', '--loglevel=error', manifest.packageManager, ...flags])
  mkdirSync(cache, { recursive: true })
  writeFileSync(stamp, wanted)
  progress(`installed in ${seconds(started)}`)
}

/** What decides the content of node_modules: the lockfile, the settings, and each package's manifest. */
function dependencyHash() {
  const hash = createHash('sha256')
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']
  for (const group of ['packages', 'apps', 'tooling'])
    for (const name of readdirSync(join(root, group)).sort()) files.push(`${group}/${name}/package.json`)
  for (const file of files) {
    if (!existsSync(join(root, file))) continue
    const text = readFileSync(join(root, file), 'utf8')
    hash.update(file.endsWith('.json') ? dependencyFields(JSON.parse(text)) : text)
  }
  return hash.digest('hex')
}

function dependencyFields({ name, dependencies, devDependencies, optionalDependencies, peerDependencies, pnpm }) {
  return JSON.stringify({ name, dependencies, devDependencies, optionalDependencies, peerDependencies, pnpm })
}

function installedPnpm() {
  const file = join(root, 'node_modules/pnpm/package.json')
  return existsSync(file) ? `pnpm@${JSON.parse(readFileSync(file, 'utf8')).version}` : undefined
}

/** Part of the build's cache key: the platform where the addon can be compiled, else `off`. */
function nativeToolchain() {
  const missing = []
  if (!windows) {
    if (![process.env.CXX, 'c++', 'g++', 'clang++'].some((tool) => tool && works(tool))) missing.push('C++ compiler')
    if (!works('make')) missing.push('make')
  }
  if (![process.env.PYTHON, 'python3', 'python'].some((tool) => tool && works(tool))) missing.push('python3')
  if (missing.length === 0) return `${process.platform}-${process.arch}`
  progress(`${missing.join(', ')} missing: going on without the native engine, the server runs on node:http.`)
  const hint = { linux: 'sudo apt-get install -y g++ make python3', darwin: 'xcode-select --install' }[process.platform]
  if (hint) progress(`to build it: ${hint}`)
  return 'off'
}

function works(tool) {
  return spawnSync(tool, ['--version'], { stdio: 'ignore', shell: windows }).status === 0
}

function environment() {
  const result = {
    ...process.env,
    PATH: join(root, 'node_modules/.bin') + delimiter + (process.env.PATH ?? ''),
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    DO_NOT_TRACK: '1',
  }
  const prefix = dirname(dirname(process.execPath))
  if (!result.npm_config_nodedir && existsSync(join(prefix, 'include/node/node_api.h'))) {
    result.npm_config_nodedir = prefix
  }
  return result
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Node ${process.versions.node} is too old: catzilla needs ${manifest.engines.node}`)
}

/** A folder is created by one process only; its owner's id tells whether the owner still lives. */
function lock() {
  const dir = join(root, 'node_modules/.catzilla-lock')
  const owner = join(dir, 'pid')
  mkdirSync(dirname(dir), { recursive: true })
  for (let announced = false; ;) {
    try {
      mkdirSync(dir)
      writeFileSync(owner, String(process.pid))
      return () => rmSync(dir, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!announced) progress('another terminal is building here, waiting for it ...')
    announced = true
    sleep(250)
    if (!ownerLives(owner)) rmSync(dir, { recursive: true, force: true })
  }
}

function ownerLives(owner) {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function spawn(program, parameters) {
  return spawnSync(program, parameters, { stdio: 'inherit', env, shell: windows && program !== process.execPath })
}

/** Leaves this process with the status of the child if it fails. */
function run(program, parameters) {
  const { status, signal, error } = spawn(program, parameters)
  if (status === 0) return
  if (error) console.error(error.message)
  rmSync(join(root, 'node_modules/.catzilla-lock'), { recursive: true, force: true })
  process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
}

function progress(text) {
  console.error(`catzilla: ${text}`)
}

function fail(text) {
  progress(text)
  process.exit(1)
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
