import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { catzilla, csv, jsonl, reply } from 'catzilla'
import { openDatabase } from './database.mjs'

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }

/** The look is that of the demo, and so are its files. */
const files = {
  '/': 'public/index.html',
  '/export.js': 'public/export.js',
  '/style.css': '../demo/public/style.css',
  '/logo.svg': '../demo/public/logo.svg',
}

const columns = [
  { key: 'id', header: 'No.' },
  { key: 'name', header: 'Customer' },
  { key: 'city', header: 'City' },
  { key: 'day', header: 'Day' },
  { key: 'total', header: 'Total' },
  { key: 'paid', header: 'Paid', format: (paid) => paid === 1 },
]

/**
 * Starts the app, for this machine only.
 *
 * @param {import('./app.mjs').ExportOptions} [options]
 */
export async function startExport({ port = 0, rows = 1_000_000, logger } = {}) {
  const database = await openDatabase(rows)
  const app = catzilla(logger && { logger })
  // What a progress bar measures by: the length of the body in bytes is known to nobody before its end.
  const headers = { 'x-total-rows': rows }

  app.get('/orders.csv', () => csv(database.orders(), { columns, filename: 'orders.csv', headers }))
  app.get('/orders', () =>
    jsonl(database.orders(), {
      frame: ['ndjson', 'envelope', 'event-stream'],
      envelope: { key: 'orders', tail: ({ rows, last }) => ({ count: rows, cursor: last?.id ?? null }) },
      endMarker: true,
      headers,
    }),
  )
  for (const [path, file] of Object.entries(files)) {
    const type = { 'content-type': `${types[extname(file)]}; charset=utf-8`, 'cache-control': 'no-cache' }
    app.get(path, async () => reply(await readFile(new URL(file, import.meta.url), 'utf8'), { headers: type }))
  }

  const { url } = await app.listen({ port, host: '127.0.0.1' })
  return {
    app,
    database,
    url,
    async close(graceMs = 0) {
      await app.close({ graceMs })
      await database.close()
    },
  }
}
