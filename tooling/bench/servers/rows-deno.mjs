// Deno, strings of 64 KiB joined by hand.
import { listening } from './listening.mjs'
import { csvBatches, jsonBatches } from './rows-content.mjs'

const encoder = new TextEncoder()
const sources = { '/csv-rows': csvBatches, '/json-rows': jsonBatches }

Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => listening(port) }, (req) => {
  const source = sources[new URL(req.url).pathname]()
  return new Response(
    new ReadableStream({
      pull(controller) {
        const { value, done } = source.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
    }),
  )
})
