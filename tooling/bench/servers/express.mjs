import { Readable, pipeline } from 'node:stream'
import express from 'express'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const app = express()

app.get('/hello', (req, res) => {
  res.type('text/plain').send(HELLO)
})
app.get('/first-byte', (req, res) => {
  pipeline(Readable.from(first()), res.type('text/plain'), ignoreLoss)
})
app.get('/items', (req, res) => {
  pipeline(Readable.from(items()), res.type('text/plain'), ignoreLoss)
})

const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))

/** A client that leaves early has destroyed the stream already; nothing is left to do. */
function ignoreLoss() {}
