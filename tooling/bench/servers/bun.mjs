// Bun, with web streams, which take text here. BATCHED=1 joins the items by hand into strings of 64 KiB.
import { batched, batchedAsync } from './batched.mjs'
import {
  EVENT_STREAM,
  FILE,
  HELLO,
  buffers,
  endless,
  eventOf,
  first,
  items,
  itemsAsync,
  publishAll,
  writeItems,
  writeItemsAhead,
} from './content.mjs'
import { listening } from './listening.mjs'
import { idleStream, publish, subscription } from './web-event-streams.mjs'

const TEXT = { headers: { 'Content-Type': 'text/plain; charset=utf-8' } }
const BYTES = { headers: { 'Content-Type': 'application/octet-stream' } }
const BATCHED = process.env.BATCHED === '1'

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  development: false,
  routes: {
    '/hello': () => new Response(HELLO, TEXT),
    '/hello/:name': (req) => new Response(`${req.headers.get('x-greeting')}, ${req.params.name}!`, TEXT),
    '/first-byte': () => new Response(streamOf(first()), TEXT),
    '/items': () => new Response(streamOf(BATCHED ? batched(items()) : items()), TEXT),
    '/items-async': () => new Response(streamOfAsync(BATCHED ? batchedAsync(itemsAsync()) : itemsAsync()), TEXT),
    '/items-writer': () => new Response(direct(writeAll), TEXT),
    '/items-writer-ahead': () => new Response(direct(writeAllAhead), TEXT),
    '/buffers': () => new Response(streamOf(buffers()), BYTES),
    '/endless': () => new Response(streamOf(endless()), TEXT),
    '/file': () => new Response(Bun.file(FILE), BYTES),
    '/idle': () => new Response(idleStream(), { headers: EVENT_STREAM }),
    '/subscribe': () => new Response(subscription(), { headers: EVENT_STREAM }),
    '/publish/*': async (req) => {
      await publishAll(new URL(req.url).pathname, (id) => publish(eventOf(id)))
      return new Response()
    },
  },
  fetch: () => new Response(null, { status: 404 }),
})
listening(server.port)

/**
 * The runtime asks for the next chunk when the client has room. Its own "direct" streams are cheaper per item, but hold all back
 * until the source is through, however much that is.
 * @param {Iterable<string | Uint8Array>} source
 */
function streamOf(source) {
  const iterator = source[Symbol.iterator]()
  return new ReadableStream({
    pull(controller) {
      const { value, done } = iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** @param {AsyncIterator<string>} source */
function streamOfAsync(source) {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await source.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** A stream of the direct kind, into which a function writes. */
function direct(pull) {
  return new ReadableStream({ type: 'direct', pull })
}

async function writeAll(controller) {
  await writeItems(async (item) => controller.write(item))
  controller.close()
}

async function writeAllAhead(controller) {
  writeItemsAhead((item) => controller.write(item))
  controller.close()
}
