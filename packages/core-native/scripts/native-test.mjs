// Builds and runs the C++ unit tests under sanitizers: every native/test/*_test.cc, with the layers that need no Node.
//   node scripts/native-test.mjs             address + undefined, with SIMD and without
//   node scripts/native-test.mjs --thread    the same tests under the thread sanitizer
// Exit code 77: a package is missing, and the line that installs it is printed.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { SKIPPED, canBuild, compile, nativeDir, sources } from './native-compile.mjs'

const compiler = process.env.CXX ?? 'g++'
const memory = ['-O1', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const variants = process.argv.includes('--thread')
  ? [{ name: 'native-test/thread', flags: ['-O1', '-fsanitize=thread'] }]
  : [
      { name: 'native-test/memory', flags: memory },
      { name: 'native-test/memory-no-simd', flags: [...memory, '-DCATZILLA_NO_SIMD'] },
    ]

const probe = '#if !__has_include(<doctest/doctest.h>)\n#error\n#endif\nint main() {}\n'
if (!canBuild(compiler, probe, variants[0].flags)) {
  console.log('skipped: no doctest, or no compiler with sanitizers; sudo apt-get install -y g++ doctest-dev')
  process.exit(SKIPPED)
}

const failed = []
for (const { name, flags } of variants) {
  // Threads of the ring's tests; harmless for the rest.
  const program = await compile({
    name,
    compiler,
    flags: [...flags, '-pthread'],
    sources: [...sources('test'), ...sources()],
  })
  console.log(`${name}:`)
  const { status, signal } = spawnSync(program, ['--no-version'], { cwd: join(nativeDir, 'test'), stdio: 'inherit' })
  if (status !== 0) failed.push(`${name} (${signal ?? `exit code ${status}`})`)
}
console.log(failed.length === 0 ? `native tests passed (${variants.length} builds)` : `failed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
