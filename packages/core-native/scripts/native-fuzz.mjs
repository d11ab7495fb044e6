// Builds and runs the fuzz targets: every native/fuzz/*_fuzz.cc, with libFuzzer, ASan and UBSan.
//   node scripts/native-fuzz.mjs [seconds for each, 10] [part of a target's name]
// They start from the test cases, and keep what they learn in build/native-fuzz/<target>/corpus for the next run.
// Exit code 77: a package is missing, and the line that installs it is printed.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SKIPPED, buildDir, canBuild, compile, nativeDir, sources } from './native-compile.mjs'

const [seconds = '10', filter = ''] = process.argv.slice(2)
const flags = [
  '-O1',
  '-fno-omit-frame-pointer',
  '-fsanitize=fuzzer-no-link,address,undefined',
  '-fno-sanitize-recover=all',
]
const fuzzer = '-fsanitize=fuzzer'

const probe = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n'
const compiler = [process.env.CLANGXX, 'clang++-14', 'clang++'].find(
  (name) => name && canBuild(name, probe, [fuzzer, '-fsanitize=address,undefined']),
)
if (compiler === undefined) {
  console.log('skipped: no clang with libFuzzer; sudo apt-get install -y clang-14 libclang-rt-14-dev')
  process.exit(SKIPPED)
}

const helpers = sources('test').filter((name) => !name.endsWith('_test.cc') && name !== 'test/main.cc')
const targets = sources('fuzz').filter((name) => name.endsWith('_fuzz.cc') && name.includes(filter))
const folder = (target) => join(buildDir, 'native-fuzz', basename(target, '.cc'))
const seeds = (kind) => join(buildDir, 'native-fuzz/seeds', kind)
const seedsOf = (target) => (target.includes('chunked') ? seeds('bodies') : seeds('requests'))

const writer = await compile({
  name: 'native-fuzz/write_seeds',
  compiler,
  flags: ['-O1'],
  sources: ['fuzz/write_seeds.cc', 'test/case_file.cc'],
})
for (const kind of ['requests', 'bodies']) mkdirSync(seeds(kind), { recursive: true })
const written = spawnSync(writer, [join(nativeDir, 'test/cases'), seeds('requests'), seeds('bodies')])
if (written.status !== 0) throw new Error('the seeds could not be written')

const failed = []
for (const target of targets) {
  const name = basename(target, '.cc')
  const program = await compile({
    name: `native-fuzz/${name}`,
    compiler,
    flags,
    linkFlags: [fuzzer],
    sources: [target, ...helpers, ...sources()],
  })
  const corpus = join(folder(target), 'corpus')
  mkdirSync(corpus, { recursive: true })
  console.log(`${name}: ${seconds} s ...`)
  const { status, stderr } = spawnSync(
    program,
    [
      corpus,
      seedsOf(target),
      `-max_total_time=${seconds}`,
      '-max_len=4096',
      '-timeout=10',
      '-print_final_stats=1',
      `-dict=${join(nativeDir, 'fuzz/http.dict')}`,
      `-artifact_prefix=${folder(target)}/`,
    ],
    { encoding: 'utf8', maxBuffer: 256 << 20 },
  )
  if (status !== 0) {
    console.error(stderr.split('\n').slice(-80).join('\n'))
    failed.push(name)
    continue
  }
  const runs = /stat::number_of_executed_units:\s*(\d+)/.exec(stderr)?.[1]
  const coverage = [...stderr.matchAll(/cov: (\d+) ft: (\d+) corp: (\d+)/g)].at(-1)
  console.log(`${name}: ${runs} inputs, ${coverage?.[1]} edges, ${coverage?.[3]} kept, nothing found`)
}
console.log(failed.length === 0 ? `${targets.length} fuzz targets passed` : `failed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
