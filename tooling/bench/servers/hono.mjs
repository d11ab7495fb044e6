import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const app = new Hono()

app.get('/hello', (c) => c.text(HELLO))
app.get('/hello/:name', (c) => c.text(`${c.req.header('x-greeting')}, ${c.req.param('name')}!`))
app.get('/first-byte', (c) => streamText(c, (stream) => writeAll(first(), stream)))
app.get('/items', (c) => streamText(c, (stream) => writeAll(items(), stream)))

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address) => listening(address.port))

/**
 * @param {Iterable<string>} source
 * @param {import('hono/utils/stream').StreamingApi} stream
 */
async function writeAll(source, stream) {
  for (const item of source) {
    if (stream.aborted) return
    await stream.write(item)
  }
}
