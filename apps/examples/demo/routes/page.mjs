import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { reply } from 'catzilla'

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }

/**
 * One route for each file of the page and for the source of each route: no path of a client ever becomes the name of a file.
 *
 * @type {import('../app.mjs').Route}
 */
export default async (app) => {
  await serveFolder('../public/', '/')
  await serveFolder('./', '/source/')
  app.get('/', () => answerFile(new URL('../public/index.html', import.meta.url)))

  async function serveFolder(folder, path) {
    const url = new URL(folder, import.meta.url)
    for (const name of await readdir(url)) app.get(path + name, () => answerFile(new URL(name, url)))
  }
}

async function answerFile(url) {
  const type = types[extname(url.pathname)] ?? 'text/plain'
  const headers = { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }
  return reply(await readFile(url, 'utf8'), { headers })
}
