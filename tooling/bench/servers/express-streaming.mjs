// Express with the adapter of @catzilla/streaming. SOURCE chooses what makes the items.
import { streaming } from '@catzilla/streaming/express'
import express from 'express'
import { HELLO } from './content.mjs'
import { listening } from './listening.mjs'
import { firstByte, itemsFrom } from './streaming-sources.mjs'

const app = express()
app.use(streaming())

app.get('/hello', (req, res) => {
  res.type('text/plain').send(HELLO)
})
app.get('/first-byte', (req, res) => res.stream(firstByte()))
app.get('/items', (req, res) => res.stream(itemsFrom(process.env.SOURCE)))

const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))
