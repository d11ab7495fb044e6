// Before packing: the prebuilt addon of this platform into prebuilds/, in a shadow so that build/Release stays as it is.
//   node scripts/prebuild.mjs [--arch arm64]
// On Linux another architecture is compiled with Debian's cross compiler (g++-aarch64-linux-gnu). Those of other systems are put beside it
// before publishing (.github/workflows/release.yml).
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gypEnv, packageRoot, runTool } from './gyp.mjs'
import { shadowPackage } from './shadow.mjs'

const CROSS_TOOLS = { arm64: 'aarch64-linux-gnu-', x64: 'x86_64-linux-gnu-' }

const { arch } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } }).values
const foreign = arch !== process.arch
const cross = CROSS_TOOLS[arch]
if (foreign && (process.platform !== 'linux' || cross === undefined)) {
  console.error(`core-native: no cross compiler is known for ${arch} on ${process.platform}`)
  process.exit(1)
}

const cwd = shadowPackage(foreign ? `build-prebuild-${arch}` : 'build-prebuild')
const stamp = join(cwd, 'sources')
const key = sourceHash()
const prebuilds = join(packageRoot, 'prebuilds', `${process.platform}-${arch}`)

// prebuildify always compiles from scratch; the same sources need it only once.
if (!existsSync(prebuilds) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== key) {
  rmSync(join(cwd, 'build'), { recursive: true, force: true })
  const tools = { CC: `${cross}gcc`, CXX: `${cross}g++`, AR: `${cross}ar` }
  const args = ['--napi', '--strip', '--tag-libc', '--arch', arch, '--cwd', cwd, '--out', packageRoot]
  if (foreign) args.push('--strip-bin', `${cross}strip`)
  runTool('prebuildify', 'bin.js', args, {
    cwd,
    env: gypEnv({
      ...(foreign ? tools : {}),
      npm_config_jobs: String(availableParallelism()),
      // pnpm's launchers find their program relative to themselves, which a link to their folder would break.
      PREBUILD_NODE_GYP: join(
        packageRoot,
        'node_modules/.bin',
        process.platform === 'win32' ? 'node-gyp.cmd' : 'node-gyp',
      ),
    }),
  })
  writeFileSync(stamp, key)
}

function sourceHash() {
  const hash = createHash('sha256').update(process.version)
  const files = readdirSync(join(packageRoot, 'native'), { recursive: true }).filter((name) =>
    /\.(cc|h|map)$/.test(name),
  )
  for (const file of ['binding.gyp', ...files.sort().map((name) => join('native', name))]) {
    hash.update(file).update(readFileSync(join(packageRoot, file)))
  }
  return hash.digest('hex')
}
