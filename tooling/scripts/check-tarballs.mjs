// The packages as a user gets them: packed, installed into an empty project without a compiler and without install scripts,
// imported and required, and the example of each README, through the native engine. check-installs.mjs tries the other ways.
import { spawnSync } from 'node:child_process'
import { cleanEnv, checkEntryPoints, emptyProject, packAll, run, runReadme } from './packed.mjs'
import { globSync } from './files.mjs'
import { readmes } from './readmes.mjs'

const packages = packAll()
checkSymbols()

const env = cleanEnv({ compiler: false })
const project = emptyProject('all', packages, packages, { env })
const specifiers = packages.flatMap((item) => item.specifiers)
checkEntryPoints('all', project, specifiers, { env })
for (const item of packages) {
  const readme = readmes[item.name]
  if (readme !== undefined) await runReadme(item, project, { ...readme, env })
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
const esm = (options) => [
  '--input-type=module',
  '-e',
  `import { catzilla } from 'catzilla'; const app = catzilla(${options});${client}`,
]
const cjs = (options) => [
  '--input-type=commonjs',
  '-e',
  `const { catzilla } = require('catzilla'); const app = catzilla(${options});${client}`,
]
run('stream (ESM, native)', project, esm(`{ transport: 'native' }`), { env })
run('stream (CJS, native)', project, cjs(`{ transport: 'native' }`), { env })
run('stream (node:http)', project, esm(`{ transport: 'node' }`), { env })
console.log(
  `tarballs: ${packages.length} packages install, load (${specifiers.length} entry points, ESM and CJS) and stream`,
)

/** The addon may ask for no newer system library than Node 20 itself does (glibc 2.28), and for no C++ runtime at all. */
function checkSymbols() {
  if (process.platform !== 'linux') return
  const addons = globSync('packages/core-native/prebuilds', /\.node$/)
  if (!addons.some((file) => file.includes(`linux-${process.arch}`))) throw new Error('no prebuilt addon was packed')
  for (const addon of addons.filter((file) => file.includes('linux-'))) {
    const objdump = addon.includes('linux-arm64') && process.arch !== 'arm64' ? 'aarch64-linux-gnu-objdump' : 'objdump'
    const { status, stdout } = spawnSync(objdump, ['-T', '-p', addon], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${objdump} failed: sudo apt-get install -y binutils`)
    const tooNew = [...stdout.matchAll(/\((GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)\s+(\S+)/g)].filter(
      ([, library, version]) => library !== 'GLIBC' || version.localeCompare('2.28', undefined, { numeric: true }) > 0,
    )
    if (tooNew.length > 0) {
      throw new Error(`${addon} needs more than Node 20 does:\n${tooNew.map(([text]) => text).join('\n')}`)
    }
    const libraries = [...stdout.matchAll(/NEEDED\s+(\S+)/g)].map(([, library]) => library)
    const unknown = libraries.filter((library) => !/^(libc|libm|libpthread|ld-linux.*)\.so/.test(library))
    if (unknown.length > 0) throw new Error(`${addon} needs ${unknown.join(', ')}`)
  }
  console.log(`ok  symbols and libraries of ${addons.length} prebuilt addon(s)`)
}
