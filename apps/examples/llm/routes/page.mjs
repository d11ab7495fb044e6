import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { reply } from 'catzilla'

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }

/** The look is that of the demo, and so are its files. */
const files = {
  '/': '../public/index.html',
  '/llm.css': '../public/llm.css',
  '/llm.js': '../public/llm.js',
  '/style.css': '../../demo/public/style.css',
  '/format.js': '../../demo/public/format.js',
  '/logo.svg': '../../demo/public/logo.svg',
}

/** @type {import('../app.mjs').Route} */
export default (app) => {
  for (const [path, file] of Object.entries(files)) {
    const headers = { 'content-type': `${types[extname(file)]}; charset=utf-8`, 'cache-control': 'no-cache' }
    app.get(path, async () => reply(await readFile(new URL(file, import.meta.url), 'utf8'), { headers }))
  }
}
