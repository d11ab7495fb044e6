// node:http by hand, for speed: 64 KiB strings, one write each, and a wait for `drain`. What a careful user can reach with
// the built-in server, at the price of latency (nothing leaves before the batch is full) and of writing this loop.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const BATCH_LENGTH = 64 * 1024

const server = createServer((req, res) => {
  switch (req.url) {
    case '/hello':
      res.writeHead(200, { ...TEXT, 'Content-Length': HELLO.length }).end(HELLO)
      break
    case '/first-byte':
      res.writeHead(200, TEXT)
      void sendBatched(first(), res)
      break
    case '/items':
      res.writeHead(200, TEXT)
      void sendBatched(items(), res)
      break
    default:
      res.writeHead(404).end()
  }
})

server.listen(0, '127.0.0.1', () => listening(server.address().port))

/**
 * @param {Iterable<string>} source
 * @param {import('node:http').ServerResponse} res
 */
async function sendBatched(source, res) {
  let batch = ''
  for (const item of source) {
    batch += item
    if (batch.length < BATCH_LENGTH) continue
    if (!res.write(batch)) await Promise.race([once(res, 'drain'), once(res, 'close')])
    if (res.destroyed) return
    batch = ''
  }
  res.end(batch)
}
