// clang-format 14 over the C++ of the addon; other versions format differently, so the version is part of the rule.
import { spawnSync } from 'node:child_process'
import { globSync } from './files.mjs'

const check = process.argv[2] !== '--write'
const tool = ['clang-format-14', 'clang-format'].find((name) =>
  /version 14\./.test(spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
)
if (tool === undefined) {
  console.error('clang-format 14 is missing: sudo apt-get install -y clang-format-14')
  process.exit(1)
}
const files = ['packages/core-native/native', 'tooling/bench/native'].flatMap((dir) => globSync(dir, /\.(cc|h)$/))
const { status } = spawnSync(tool, [...(check ? ['--dry-run', '-Werror'] : ['-i']), ...files], { stdio: 'inherit' })
if (status === 0) console.log(`clang-format: ${files.length} files ${check ? 'are in form' : 'formatted'}`)
process.exit(status ?? 1)
