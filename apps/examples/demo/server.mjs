// What `npm start` runs. PORT and HOST choose the address, CATZILLA_TRANSPORT (native or node) the transport.
import { createDemo } from './app.mjs'

const GRACE_MS = 2_000
const PORTS_TO_TRY = 20

const { app, listen } = await createDemo(console.log)
const { url, transport } = await listenSomewhere()
console.log(`
  catzilla demo       ${url}
  transport           ${transport === 'native' ? 'native engine' : 'node:http'}

  /                   the page: every stream below, live
  /slow               five items, half a second apart
  /answer?q=slow      text, token by token (q: why, slow, gone)
  /events             server-sent events: five prices, five times a second
  /rows.jsonl?rate=5  42,049 postal codes as JSON lines, at that many a second
  /export.csv         1,707 earthquakes as CSV
  /download           a file, sent by the kernel where it can
  /million, /endless  lines, one million of them or without end
  /report             a report, written like a file
  /health, /stats     answered while all of that goes on

  curl -N ${url}/slow
  curl -N '${url}/rows.jsonl?rate=5'
  curl -N ${url}/million | tail -1
`)

process.once('SIGINT', stop)
process.once('SIGTERM', stop)

/** A second signal ends the process at once, as nobody listens to it any more. */
async function stop() {
  console.log(`closing: what runs has ${GRACE_MS / 1000} seconds`)
  await app.close({ graceMs: GRACE_MS })
}

/** Takes the next free port where 3000 is taken. A PORT that was asked for is taken or refused. */
async function listenSomewhere() {
  const { PORT, HOST: host = '127.0.0.1' } = process.env
  const first = Number(PORT ?? 3000)
  for (let port = first; ; port++) {
    try {
      return await listen({ port, host })
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error)
      if (code !== 'EADDRINUSE') throw error
      if (PORT === undefined && port < first + PORTS_TO_TRY) continue
      console.error(`Port ${port} is taken. Choose another one: PORT=${port + 1} npm start`)
      process.exit(1)
    }
  }
}
