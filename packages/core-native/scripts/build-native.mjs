// Builds build/Release/catzilla.node, compiling only what changed. CATZILLA_NATIVE=off skips it: the server then runs on node:http.
// CATZILLA_SANITIZE=address,undefined builds into build-sanitize/ instead and leaves the normal addon alone.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gypEnv, jobs, nodeGyp, packageRoot } from './gyp.mjs'
import { shadowPackage } from './shadow.mjs'

const { nativeSources } = createRequire(import.meta.url)('./native-sources.cjs')
const sanitize = process.env.CATZILLA_SANITIZE ?? ''

if (process.env.CATZILLA_NATIVE === 'off') {
  console.log('core-native: CATZILLA_NATIVE=off, the addon is not built')
} else if (sanitize !== '') {
  const cwd = shadowPackage('build-sanitize')
  build(cwd, [`-Dcatzilla_sanitize=${sanitize}`])
  console.log(`core-native: instrumented addon (${sanitize}) in ${cwd}/build/Release`)
} else {
  build(packageRoot, ['-Dcatzilla_werror=1'])
}

function build(cwd, definitions) {
  const env = gypEnv()
  const stamp = join(cwd, 'build/configured')
  const key = createHash('sha256')
    .update(JSON.stringify([nativeSources(), definitions, process.version, process.arch, env.npm_config_nodedir, env.CC, env.CXX]))
    .update(readFileSync(join(packageRoot, 'binding.gyp')))
    .digest('hex')
  // gyp reads the list of sources when it configures: a new file needs that step, an edited one does not.
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== key) {
    nodeGyp(['configure', '--', ...definitions], { cwd, env })
    mkdirSync(join(cwd, 'build'), { recursive: true })
    writeFileSync(stamp, key)
  }
  nodeGyp(['build', jobs], { cwd, env })
}
