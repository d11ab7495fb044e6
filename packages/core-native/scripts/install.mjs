// Install script of the published package: use the prebuilt addon, else compile. A failure is no reason to break the installation:
// without the addon, @catzilla/server runs on node:http and says so.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const bin = join(dirname(require.resolve('node-gyp-build/package.json')), 'bin.js')
const { status } = spawnSync(process.execPath, [bin], { stdio: 'inherit' })
if (status !== 0) {
  console.warn(
    'catzilla: no native engine for this platform and none could be compiled; the server will use node:http.',
  )
}
