import { Readable, pipeline } from 'node:stream'
import express from 'express'
import { FILE, HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const app = express()

app.get('/hello', (req, res) => {
  res.type('text/plain').send(HELLO)
})
app.get('/hello/:name', (req, res) => {
  res.type('text/plain').send(`${req.get('x-greeting')}, ${req.params.name}!`)
})
app.get('/first-byte', (req, res) => {
  pipeline(Readable.from(first()), res.type('text/plain'), ignoreLoss)
})
app.get('/items', (req, res) => {
  pipeline(Readable.from(items()), res.type('text/plain'), ignoreLoss)
})
app.get('/file', (req, res) => {
  res.type('application/octet-stream').sendFile(FILE)
})

const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))

/** A client that leaves early has destroyed the stream already; nothing is left to do. */
function ignoreLoss() {}
