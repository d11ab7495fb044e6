// For tests that start threads and processes: what those run must be JavaScript, and not the sources that vitest reads. Bundles
// the entry points that they need, once per run, from the sources as they are.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './workspace.mjs'

const outDir = join(root, 'node_modules/.cache/catzilla/test-build')
const sources = join(root, 'packages/streaming/src')
const ENTRIES = ['ring', 'worker', 'worker-thread', 'node', 'index']

/** Where a thread or process finds an entry point of `@catzilla/streaming`. With CATZILLA_TEST_BUILT=1: what is built. */
export function testModule(name) {
  const dir = process.env.CATZILLA_TEST_BUILT === '1' ? join(root, 'packages/streaming/dist') : outDir
  return pathToFileURL(join(dir, `${name}.js`)).href
}

/** `globalSetup` of vitest. */
export default async function setup() {
  if (process.env.CATZILLA_TEST_BUILT === '1') return
  const { build } = await import('vite')
  const input = ENTRIES.map((name) => [name, join(sources, `${name}.ts`)]).filter(([, file]) => existsSync(file))
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      target: 'node20',
      outDir,
      minify: false,
      rollupOptions: {
        input: Object.fromEntries(input),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  })
}
