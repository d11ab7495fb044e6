// node:http as its documentation teaches it: `pipeline` handles backpressure and the client that leaves.
import { createServer } from 'node:http'
import { Readable, pipeline } from 'node:stream'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }

const server = createServer((req, res) => {
  switch (req.url) {
    case '/hello':
      res.writeHead(200, { ...TEXT, 'Content-Length': HELLO.length }).end(HELLO)
      break
    case '/first-byte':
      res.writeHead(200, TEXT)
      pipeline(Readable.from(first()), res, ignoreLoss)
      break
    case '/items':
      res.writeHead(200, TEXT)
      pipeline(Readable.from(items()), res, ignoreLoss)
      break
    default:
      res.writeHead(404).end()
  }
})

server.listen(0, '127.0.0.1', () => listening(server.address().port))

/** A client that leaves early has destroyed the stream already; nothing is left to do. */
function ignoreLoss() {}
