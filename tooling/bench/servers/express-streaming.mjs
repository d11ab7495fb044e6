// Express with the adapter of @catzilla/streaming.
import { streaming } from '@catzilla/streaming/express'
import express from 'express'
import { listening } from './listening.mjs'
import { streams } from './streaming-sources.mjs'

const app = express()
app.use(streaming())
for (const [path, open] of Object.entries(streams)) app.get(path, (req, res) => res.stream(open()))

const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))
