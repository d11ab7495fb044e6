import { catzilla } from 'catzilla'
import answer from './routes/answer.mjs'
import download from './routes/download.mjs'
import events from './routes/events.mjs'
import csvExport from './routes/export.mjs'
import million from './routes/million.mjs'
import page from './routes/page.mjs'
import report from './routes/report.mjs'
import rows from './routes/rows.mjs'
import slow from './routes/slow.mjs'
import stats from './routes/stats.mjs'

const routes = [page, slow, answer, events, rows, csvExport, download, million, report, stats]

/** @param {(line: string) => void} [log] */
export async function createDemo(log = () => {}) {
  const app = catzilla()
  /** @type {import('./app.mjs').Context} */
  const context = { log, server: {} }
  for (const route of routes) await route(app, context)
  return {
    app,
    /** @param {import('catzilla').ListenInit} init */
    async listen(init) {
      const address = await app.listen(init)
      context.server.transport = address.transport
      return address
    },
  }
}

/**
 * Starts the demo for this machine only.
 *
 * @param {{ port?: number, log?: (line: string) => void }} [options] without a `port`, the system chooses one
 */
export async function startDemo({ port = 0, log } = {}) {
  const { app, listen } = await createDemo(log)
  const { url } = await listen({ port, host: '127.0.0.1' })
  return { app, url, close: (graceMs = 0) => app.close({ graceMs }) }
}
