// The suites on every supported Node, against the built packages, and under sanitizers; then long fuzz runs and memory.
//   npm run test:matrix                          everything
//   npm run test:matrix -- --only 24,asan        some of it: majors of Node, asan, rings, tsan,
//                                                differential, fuzz, memory, installs
//   npm run test:matrix -- packages/server       other arguments go to vitest
// Builds once, with the oldest supported headers: one addon must serve all of them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shared/workspace.mjs'

const versions = ['20.20.2', '22.23.3', '24.21.0', '26.10.0']
const FUZZ_SECONDS = 300 // for each target
const RING_REPETITIONS = 100
const cache = join(root, 'node_modules/.cache/catzilla/matrix')
const coreNative = join(root, 'packages/core-native')

const args = process.argv.slice(2)
const onlyAt = args.indexOf('--only')
const only = onlyAt === -1 ? undefined : args.splice(onlyAt, 2)[1].split(',')
const wanted = (name) => only === undefined || only.includes(name)
const filters = args.length > 0 ? args : ['packages/']

const results = []
mkdirSync(cache, { recursive: true })
for (const version of versions) {
  const major = version.split('.')[0]
  if (wanted(major)) onNode(`node ${version}`, version, major)
}
if (wanted('asan')) underAsan('node, ASan + UBSan')
// Each way to end, at each stage, with rings open: on node:http and on the native engine.
if (wanted('rings')) {
  const repeated = { CATZILLA_REPETITIONS: String(RING_REPETITIONS), CATZILLA_TEST_BUILT: '1' }
  underAsan(`rings, ASan, ${RING_REPETITIONS} times`, repeated, ['packages/streaming/test/worker/endings'])
}
if (wanted('tsan')) script('C++ units, TSan', [join(coreNative, 'scripts/native-test.mjs'), '--thread'])
if (wanted('differential')) {
  const inputs = { CATZILLA_DIFFERENTIAL: '100000' }
  suite('differential fuzzing', process.execPath, inputs, ['packages/core-native/test/differential-fuzz.test.ts'])
}
if (wanted('fuzz')) script('fuzz targets', [join(coreNative, 'scripts/native-fuzz.mjs'), String(FUZZ_SECONDS)])
if (wanted('memory')) script('memory', [join(root, 'tooling/scripts/check-memory.mjs')])
if (wanted('installs')) script('installs', [join(root, 'tooling/scripts/check-installs.mjs')])

console.log('')
for (const { name, passed, failed, skipped, seconds, note } of results) {
  console.log(`${name.padEnd(22)} ${note ?? `${passed} passed, ${failed} failed, ${skipped} skipped`} (${seconds} s)`)
}
process.exit(results.length > 0 && results.every((result) => result.failed === 0 && result.passed > 0) ? 0 : 1)

function onNode(name, version, major) {
  const node = process.versions.node.split('.')[0] === major ? process.execPath : fetchNode(version, major)
  const started = Date.now()
  if (node === undefined) {
    const note = `NOT RUN: no npm package of Node ${version} for ${process.platform}-${process.arch}`
    results.push({ name, passed: 0, failed: 1, skipped: 0, seconds: elapsed(started), note })
    return
  }
  suite(name, node, { CATZILLA_TEST_BUILT: '1' })
}

/** The program of another Node, from its npm package: no install script, and one folder to remove. */
function fetchNode(version, major) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const dir = join(cache, `node-${major}`)
  const program = join(dir, 'node_modules', name, process.platform === 'win32' ? 'bin/node.exe' : 'bin/node')
  if (!existsSync(program) || !runs(program, version)) {
    console.log(`fetching ${name}@${version} ...`)
    mkdirSync(dir, { recursive: true })
    spawnSync(
      'npm',
      ['install', '--prefix', dir, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`],
      { stdio: 'inherit', shell: process.platform === 'win32' },
    )
  }
  return existsSync(program) && runs(program, version) ? program : undefined
}

function runs(program, version) {
  return spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`
}

function underAsan(name, env = {}, only = filters) {
  const started = Date.now()
  const runtime = (library) =>
    spawnSync('gcc', [`-print-file-name=${library}`], { encoding: 'utf8' }).stdout?.trim() ?? ''
  const preload = [runtime('libasan.so'), runtime('libubsan.so')]
  if (process.platform !== 'linux' || preload.some((file) => !file.startsWith('/'))) {
    results.push({
      name,
      passed: 0,
      failed: 1,
      skipped: 0,
      seconds: elapsed(started),
      note: 'NOT RUN: needs gcc on Linux',
    })
    return
  }
  const build = spawnSync(process.execPath, [join(coreNative, 'scripts/build-native.mjs')], {
    stdio: 'inherit',
    env: { ...process.env, CATZILLA_NATIVE: '', CATZILLA_SANITIZE: 'address,undefined' },
  })
  if (build.status !== 0) {
    results.push({ name, passed: 0, failed: 1, skipped: 0, seconds: elapsed(started), note: 'the build failed' })
    return
  }
  suite(
    name,
    process.execPath,
    {
      ...env,
      CATZILLA_SANITIZED: '1',
      LD_PRELOAD: preload.join(':'),
      // Node itself leaves memory to the end of the process; leaks of the addon have their own test.
      // Memory that is held back from reuse would be growth to the tests that measure it: 8 MiB, and not 256.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:alloc_dealloc_mismatch=0:quarantine_size_mb=8',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
      // node-gyp-build looks for <PACKAGE>_PREBUILD first.
      '@CATZILLA/CORE_NATIVE_PREBUILD': join(coreNative, 'build-sanitize'),
    },
    only,
  )
}

/** A program that says by its exit code whether it passed. Skipped is not passed here. */
function script(name, args) {
  console.log(`\n=== ${name}`)
  const started = Date.now()
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  const passed = status === 0 ? 1 : 0
  results.push({ name, passed, failed: 1 - passed, skipped: 0, seconds: elapsed(started) })
}

function suite(name, node, extra, files = filters) {
  console.log(`\n=== ${name}`)
  const started = Date.now()
  const output = join(cache, `${name.replaceAll(/[^\w.]+/g, '-')}.json`)
  rmSync(output, { force: true })
  const { status } = spawnSync(
    node,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      // Types do not depend on the Node that runs; the C++ units have no Node at all.
      '--project=!types',
      '--exclude=**/native-units.test.ts',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${output}`,
      ...files,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ...extra } },
  )
  const result = { name, passed: 0, failed: 1, skipped: 0, seconds: elapsed(started) }
  if (existsSync(output)) {
    const report = JSON.parse(readFileSync(output, 'utf8'))
    result.passed = report.numPassedTests
    result.skipped = report.numPendingTests + (report.numTodoTests ?? 0)
    result.failed = report.numFailedTests
    // A file that does not load, or a process that dies, fails no test of its own.
    if (status !== 0 && result.failed === 0) result.failed = 1
  }
  results.push(result)
}

function elapsed(since) {
  return ((Date.now() - since) / 1000).toFixed(0)
}
