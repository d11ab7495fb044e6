// What became of each stream, as the library publishes it on `node:diagnostics_channel`: no route has to keep a record.
import { subscribe } from 'node:diagnostics_channel'

const KEPT = 40

/** A list of how the last streams ended, the newest first, that keeps itself up to date. */
export function watchStreams() {
  const ended = []
  let total = 0

  subscribe('catzilla:stream-end', (message) => {
    const trace = /** @type {import('catzilla').StreamTrace} */ (message)
    const { request, end, bytes, startedAt, firstByteAt, endedAt } = trace
    ended.unshift({
      number: ++total,
      url: request.url,
      outcome: end?.outcome,
      bytes,
      firstByteMs: firstByteAt === undefined ? null : firstByteAt - startedAt,
      ms: (endedAt ?? startedAt) - startedAt,
    })
    if (ended.length > KEPT) ended.pop()
  })

  return ended
}
