// Hono with the adapter of @catzilla/streaming.
import { serve } from '@hono/node-server'
import { send } from '@catzilla/streaming/hono'
import { Hono } from 'hono'
import { listening } from './listening.mjs'
import { streams } from './streaming-sources.mjs'

const app = new Hono()
for (const [path, open] of Object.entries(streams)) app.get(path, (c) => send(c, open()))

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address) => listening(address.port))
