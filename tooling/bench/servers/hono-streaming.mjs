// Hono with the adapter of @catzilla/streaming. SOURCE chooses what makes the items.
import { serve } from '@hono/node-server'
import { send } from '@catzilla/streaming/hono'
import { Hono } from 'hono'
import { HELLO } from './content.mjs'
import { listening } from './listening.mjs'
import { firstByte, itemsFrom } from './streaming-sources.mjs'

const app = new Hono()

app.get('/hello', (c) => c.text(HELLO))
app.get('/first-byte', (c) => send(c, firstByte()))
app.get('/items', (c) => send(c, itemsFrom(process.env.SOURCE)))

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address) => listening(address.port))
