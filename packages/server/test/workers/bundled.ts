// Workers load files of their own accord: neither the aliases nor the transforms of the tests reach them. So a module for them is
// bundled from the sources first.
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const outDir = join(root, 'node_modules/.cache/catzilla/workers', String(process.pid))
const made = new Map<string, Promise<string>>()

process.once('exit', () => rmSync(outDir, { recursive: true, force: true }))

/** Bundles a module of `fixtures/`, once, and gives the URL of the result. */
export function bundled(name: string, format: 'es' | 'cjs' = 'es'): Promise<string> {
  const key = `${name} ${format}`
  let url = made.get(key)
  if (url === undefined) made.set(key, (url = bundle(new URL(`../fixtures/${name}.ts`, import.meta.url), format)))
  return url
}

async function bundle(source: URL, format: 'es' | 'cjs'): Promise<string> {
  const file = `${basename(source.pathname, '.ts')}.${format === 'es' ? 'mjs' : 'cjs'}`
  mkdirSync(outDir, { recursive: true })
  await build({
    root,
    configFile: join(root, 'vitest.config.ts'),
    logLevel: 'error',
    // Files beside a module are found from where its source lies; and in a worker there is no runner of tests.
    plugins: [
      {
        name: 'for-workers',
        enforce: 'pre',
        resolveId: (id) => (id === 'vitest' ? fileURLToPath(new URL('no-vitest.ts', import.meta.url)) : undefined),
        transform(code, id) {
          if (!code.includes('import.meta.url')) return undefined
          return `const moduleUrl$ = ${JSON.stringify(pathToFileURL(id).href)};${code.replaceAll('import.meta.url', 'moduleUrl$')}`
        },
      },
    ],
    ssr: { noExternal: /^@catzilla\// },
    build: {
      ssr: fileURLToPath(source),
      outDir,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: { output: { format, entryFileNames: file, codeSplitting: false } },
    },
  })
  return pathToFileURL(join(outDir, file)).href
}
