// The packages as a user gets them: packed, installed into an empty project without a compiler and without install scripts,
// imported and required, and one streaming answer through the native engine.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { entryPoints, workspacePackages } from '../shared/workspace.mjs'
import { globSync } from './files.mjs'
import { pack } from './pack.mjs'

const project = mkdtempSync(join(tmpdir(), 'catzilla-tarballs-'))
process.on('exit', () => rmSync(project, { recursive: true, force: true }))

const published = workspacePackages().filter(({ manifest }) => !manifest.private)
console.log(`packing ${published.length} packages ...`)
const tarballs = published.map(({ dir }) => pack(dir, join(project, 'tarballs')))
checkSymbols()

// A PATH with node and nothing else: no compiler, no make, no python.
const bin = join(project, 'bin')
mkdirSync(bin)
symlinkSync(process.execPath, join(bin, 'node'))
const env = { ...process.env, PATH: bin, CATZILLA_TRANSPORT: '', CATZILLA_NATIVE: '' }
for (const name of Object.keys(env)) if (/^(npm_|NODE_PATH$|NODE_OPTIONS$|CC$|CXX$)/i.test(name)) delete env[name]

writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0', private: true }))
run('install', [
  npmCli(),
  'install',
  '--ignore-scripts',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  ...tarballs,
])

const specifiers = published.flatMap(({ dir, manifest }) =>
  entryPoints(dir, manifest).map(([subpath]) => manifest.name + subpath.slice(1)),
)
// Subpaths for a framework import that framework only as a type, so each loads in an empty project.
for (const specifier of specifiers) {
  const expectNames = `if (Object.keys(m).length === 0) throw new Error('exports nothing')`
  run(`import ${specifier}`, ['--input-type=module', '-e', `const m = await import('${specifier}'); ${expectNames}`])
  run(`require ${specifier}`, ['--input-type=commonjs', '-e', `const m = require('${specifier}'); ${expectNames}`])
}

const client = `
app.get('/', function* () { yield 'a'; yield 'b' })
const main = async () => {
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await fetch('http://127.0.0.1:' + address.port + '/')
  const text = await response.text()
  if (response.status !== 200 || text !== 'ab') throw new Error('got ' + response.status + ' ' + JSON.stringify(text))
  await app.close()
}
main().catch((error) => { console.error(error); process.exit(1) })
`
const options = `{ transport: 'native' }`
run('stream (ESM, native)', [
  '--input-type=module',
  '-e',
  `import { catzilla } from 'catzilla'; const app = catzilla(${options});${client}`,
])
run('stream (CJS, native)', [
  '--input-type=commonjs',
  '-e',
  `const { catzilla } = require('catzilla'); const app = catzilla(${options});${client}`,
])
run('stream (node:http)', [
  '--input-type=module',
  '-e',
  `import { catzilla } from 'catzilla'; const app = catzilla({ transport: 'node' });${client}`,
])
console.log(
  `tarballs: ${tarballs.length} packages install, load (${specifiers.length} entry points, ESM and CJS) and stream`,
)

function run(what, args) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: project,
    env,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (status === 0) return console.log(`ok  ${what}`)
  console.error(`${what}: ${signal ?? `exit code ${status}`}\n${stdout}${stderr}`)
  process.exit(1)
}

/** The addon may ask for no newer system libraries than Node 20 itself does: glibc 2.28, and the libstdc++ of gcc 8. */
function checkSymbols() {
  if (process.platform !== 'linux') return
  const newest = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11' }
  const addons = globSync(`packages/core-native/prebuilds/linux-${process.arch}`, /\.node$/)
  if (addons.length === 0) throw new Error('no prebuilt addon was packed')
  for (const addon of addons) {
    const { status, stdout } = spawnSync('objdump', ['-T', addon], { encoding: 'utf8', env: { ...process.env } })
    if (status !== 0) throw new Error('objdump failed: sudo apt-get install -y binutils')
    const tooNew = [...stdout.matchAll(/\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)\s+(\S+)/g)].filter(
      ([, library, version]) => version.localeCompare(newest[library], undefined, { numeric: true }) > 0,
    )
    if (tooNew.length > 0) {
      throw new Error(
        `the addon needs newer system libraries than Node 20:\n${tooNew.map(([text]) => text).join('\n')}`,
      )
    }
  }
  console.log('ok  symbol versions of the addon')
}

/** npm's program, to be run by this Node: a shell script that needs a PATH would not do. */
function npmCli() {
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
  throw new Error('npm not found')
}
