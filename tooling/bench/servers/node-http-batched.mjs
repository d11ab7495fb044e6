// node:http by hand, for speed: 64 KiB strings, one write each, and a wait for `drain`. What a careful user can reach with
// the built-in server, at the price of latency (nothing leaves before the batch is full) and of writing this loop.
import { createServer } from 'node:http'
import { batched, batchedAsync } from './batched.mjs'
import { buffers, endless, first, items, itemsAsync } from './content.mjs'
import { drained } from './drained.mjs'
import { listening } from './listening.mjs'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const BYTES = { 'Content-Type': 'application/octet-stream' }

const server = createServer((req, res) => {
  switch (req.url) {
    case '/first-byte':
      void send(batched(first()), res.writeHead(200, TEXT))
      break
    case '/items':
      void send(batched(items()), res.writeHead(200, TEXT))
      break
    case '/items-async':
      void sendAsync(batchedAsync(itemsAsync()), res.writeHead(200, TEXT))
      break
    case '/buffers':
      void send(buffers(), res.writeHead(200, BYTES)) // They have the size already.
      break
    case '/endless':
      void send(batched(endless()), res.writeHead(200, TEXT))
      break
    default:
      res.writeHead(404).end()
  }
})

server.listen(0, '127.0.0.1', () => listening(server.address().port))

/**
 * @param {Iterable<string | Uint8Array>} source
 * @param {import('node:http').ServerResponse} res
 */
async function send(source, res) {
  for (const chunk of source) {
    if (!res.write(chunk)) await drained(res)
    if (res.destroyed) return
  }
  res.end()
}

/**
 * @param {AsyncIterable<string>} source
 * @param {import('node:http').ServerResponse} res
 */
async function sendAsync(source, res) {
  for await (const chunk of source) {
    if (!res.write(chunk)) await drained(res)
    if (res.destroyed) return
  }
  res.end()
}
