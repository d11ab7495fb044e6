// Before packing: the prebuilt addon of this platform into prebuilds/, in a shadow so that build/Release stays as it is.
// Those of other platforms are put beside it before publishing.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { gypEnv, packageRoot, runTool } from './gyp.mjs'
import { shadowPackage } from './shadow.mjs'

const cwd = shadowPackage('build-prebuild')
const stamp = join(cwd, 'sources')
const key = sourceHash()
const prebuilds = join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`)

// prebuildify always compiles from scratch; the same sources need it only once.
if (!existsSync(prebuilds) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== key) {
  rmSync(join(cwd, 'build'), { recursive: true, force: true })
  runTool('prebuildify', 'bin.js', ['--napi', '--strip', '--tag-libc', '--cwd', cwd, '--out', packageRoot], {
    cwd,
    env: gypEnv({
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
  const files = readdirSync(join(packageRoot, 'native'), { recursive: true }).filter((name) => /\.(cc|h)$/.test(name))
  for (const file of ['binding.gyp', ...files.sort().map((name) => join('native', name))]) {
    hash.update(file).update(readFileSync(join(packageRoot, file)))
  }
  return hash.digest('hex')
}
