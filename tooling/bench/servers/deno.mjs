// Deno, with web streams. BATCHED=1 joins the items by hand into strings of 64 KiB.
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
} from './content.mjs'
import { listening } from './listening.mjs'
import { idleStream, publish, subscription } from './web-event-streams.mjs'

const TEXT = { headers: { 'Content-Type': 'text/plain; charset=utf-8' } }
const BYTES = { headers: { 'Content-Type': 'application/octet-stream' } }
const BATCHED = Deno.env.get('BATCHED') === '1'
const GREETED = '/hello/'
const PUBLISH = '/publish/'
const encoder = new TextEncoder()

Deno.serve({ port: 0, hostname: '127.0.0.1', onListen: ({ port }) => listening(port) }, async (req) => {
  const { pathname } = new URL(req.url)
  switch (pathname) {
    case '/hello':
      return new Response(HELLO, TEXT)
    case '/first-byte':
      return new Response(encoded(first()), TEXT)
    case '/items':
      return new Response(BATCHED ? pulled(batched(items())) : encoded(items()), TEXT)
    case '/items-async':
      return new Response(BATCHED ? pulled(batchedAsync(itemsAsync())) : encoded(itemsAsync()), TEXT)
    case '/items-writer':
      return new Response(written(), TEXT)
    case '/buffers':
      return new Response(ReadableStream.from(buffers()), BYTES)
    case '/endless':
      return new Response(encoded(endless()), TEXT)
    case '/file':
      return new Response((await Deno.open(FILE)).readable, BYTES)
    case '/idle':
      return new Response(idleStream(), { headers: EVENT_STREAM })
    case '/subscribe':
      return new Response(subscription(), { headers: EVENT_STREAM })
  }
  if (pathname.startsWith(PUBLISH)) {
    await publishAll(pathname, (id) => publish(eventOf(id)))
    return new Response()
  }
  if (!pathname.startsWith(GREETED)) return new Response(null, { status: 404 })
  return new Response(`${req.headers.get('x-greeting')}, ${decodeURIComponent(pathname.slice(GREETED.length))}!`, TEXT)
})

/** @param {Iterable<string> | AsyncIterable<string>} source */
function encoded(source) {
  return ReadableStream.from(source).pipeThrough(new TextEncoderStream())
}

/**
 * Cheaper than `encoded()` for chunks that are large already.
 * @param {Iterator<string> | AsyncIterator<string>} source
 */
function pulled(source) {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await source.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
}

function written() {
  const { readable, writable } = new TextEncoderStream()
  const writer = writable.getWriter()
  void writeItems((item) => writer.write(item)).then(() => writer.close())
  return readable
}
