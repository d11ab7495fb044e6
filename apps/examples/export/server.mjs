// PORT chooses the port; without it, the system does.
import { startExport } from './app.mjs'

const { url, close } = await startExport({ port: Number(process.env.PORT ?? 0) })
console.log(`
  catzilla, export    ${url}

  /                   the page: a million rows, with a progress bar
  /orders.csv         the rows as CSV, read from the database while they are sent
  /orders             as JSON lines, one JSON object, or events: as Accept says

  curl -O ${url}/orders.csv
  curl -sN ${url}/orders | head -3
  curl -s -H 'Accept: application/json' ${url}/orders | tail -c 60
`)

process.once('SIGINT', stop)
process.once('SIGTERM', stop)

/** A second signal ends the process at once, as nobody listens to it any more. */
async function stop() {
  await close(2_000)
}
