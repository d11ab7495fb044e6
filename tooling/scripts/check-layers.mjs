// Dependencies point down. This table is the architecture; an import that is not in it fails the lint.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root } from '../shared/workspace.mjs'
import { globSync } from './files.mjs'

const formats = ['@catzilla/streaming']
const packageLayers = {
  'packages/streaming': [],
  'packages/core-native': ['@catzilla/streaming'], // The TypeScript face of the ring, and nothing else.
  'packages/sse': formats,
  'packages/csv': formats,
  'packages/jsonl': formats,
  'packages/server': ['@catzilla/streaming', '@catzilla/core-native'],
  'packages/catzilla': [
    '@catzilla/streaming',
    '@catzilla/core-native',
    '@catzilla/server',
    '@catzilla/sse',
    '@catzilla/csv',
    '@catzilla/jsonl',
  ],
}

// bindings → broadcast → conn → http, net → memory, ring → base. Each folder may include itself and what is below it.
const below = { base: [], memory: ['base'], ring: ['base'] }
below.http = ['memory', 'ring', ...below.memory]
below.net = below.http
below.conn = ['http', 'net', ...below.http]
below.broadcast = ['conn', ...below.conn]
below.bindings = ['broadcast', ...below.broadcast]

// Sources that run in any web-standard runtime: no import of node: modules, apart from the files named here.
const webPackages = new Set(['packages/streaming', 'packages/sse', 'packages/csv', 'packages/jsonl'])

const problems = []
for (const name of readdirSync(join(root, 'packages'))) {
  const dir = `packages/${name}`
  if (!existsSync(join(root, dir, 'package.json'))) continue
  if (!(dir in packageLayers)) problems.push(`${dir}: give it a place in tooling/scripts/check-layers.mjs`)
  else checkPackage(dir, packageLayers[dir])
}
checkNative('packages/core-native/native')

if (problems.length > 0) {
  console.error(problems.join('\n'))
  console.error(`\n${problems.length} imports against the layers (see ARCHITECTURE.md)`)
  process.exit(1)
}
console.log('layers: all imports point down')

function checkPackage(dir, allowed) {
  const web = webPackages.has(dir) ? webReachable(dir) : new Set()
  for (const file of files(`${dir}/src`, /\.[cm]?ts$/)) {
    for (const { line, specifier, typeOnly } of imports(file)) {
      const at = `${file}:${line}`
      if (specifier.startsWith('.')) {
        if (
          relative(join(root, dir, 'src'), join(root, dirname(file), specifier)).startsWith('..') &&
          !specifier.endsWith('package.json')
        )
          problems.push(`${at} leaves the package: ${specifier}`)
        continue
      }
      const own = /^(@catzilla\/[^/]+|catzilla)(\/|$)/.exec(specifier)?.[1]
      if (own !== undefined && !allowed.includes(own)) problems.push(`${at} ${dir} must not import ${own}`)
      if (specifier.startsWith('node:') && !typeOnly && web.has(file))
        problems.push(`${at} is reached from the web-safe entry point and imports ${specifier}`)
    }
  }
}

/** Files that src/index.ts pulls in by static, run-time imports. */
function webReachable(dir) {
  const seen = new Set()
  const visit = (file) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { specifier, typeOnly } of imports(file)) {
      if (!specifier.startsWith('.') || typeOnly) continue
      const path = join(dirname(file), specifier).replaceAll('\\', '/')
      const source = [path, `${path}.ts`, path.replace(/\.js$/, '.ts'), `${path}/index.ts`].find(
        (name) => name.endsWith('.ts') && existsSync(join(root, name)),
      )
      if (source !== undefined) visit(source)
    }
  }
  if (existsSync(join(root, `${dir}/src/index.ts`))) visit(`${dir}/src/index.ts`)
  return seen
}

function checkNative(dir) {
  for (const file of files(dir, /\.(cc|h)$/)) {
    const folder = relative(dir, file).replaceAll('\\', '/').split('/')[0]
    if (['test', 'fuzz', 'bench'].includes(folder)) continue
    if (!(folder in below)) {
      problems.push(`${file}: no layer called ${folder}`)
      continue
    }
    for (const [index, text] of read(file).split('\n').entries()) {
      const included = /^\s*#\s*include\s+["<]([^">]+)[">]/.exec(text)?.[1]
      if (included === undefined) continue
      const at = `${file}:${index + 1}`
      if (/^(napi\.h|node_api\.h|js_native_api\.h|node\.h|v8\.h)$/.test(included) && folder !== 'bindings')
        problems.push(`${at} only bindings/ may include ${included}`)
      if (included === 'uv.h' && ['base', 'memory', 'ring', 'http'].includes(folder))
        problems.push(`${at} ${folder}/ must work without libuv`)
      const target = included.split('/')[0]
      if (included.includes('/') && target in below && target !== folder && !below[folder].includes(target))
        problems.push(`${at} ${folder}/ must not include ${target}/`)
    }
  }
}

function imports(file) {
  const found = []
  const text = read(file)
  const pattern =
    /^[ \t]*(import|export)\b([^'"`;]*?\bfrom\s*|\s*)(['"])([^'"\n]+)\3|\b(?:import|require)\(\s*(['"])([^'"\n]+)\5/gm
  for (const match of text.matchAll(pattern)) {
    found.push({
      line: text.slice(0, match.index).split('\n').length,
      specifier: match[4] ?? match[6],
      // A dynamic import is no static dependency; `import type` leaves nothing behind.
      typeOnly: match[6] !== undefined || /^\s*type\b/.test(match[2] ?? ''),
    })
  }
  return found
}

function files(dir, pattern) {
  return globSync(dir, pattern).map((file) => relative(root, file).replaceAll('\\', '/'))
}

function read(file) {
  return readFileSync(join(root, file), 'utf8')
}
