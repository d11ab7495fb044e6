// node:http as its documentation teaches it: `pipeline` handles backpressure and the client that leaves.
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { Readable, pipeline } from 'node:stream'
import {
  EVENT_STREAM,
  FILE,
  HEARTBEAT,
  HEARTBEAT_MS,
  HELLO,
  RETRY,
  buffers,
  endless,
  eventOf,
  first,
  items,
  itemsAsync,
  publishAll,
  writeItems,
  writeItemsAhead,
} from './content.mjs'
import { drained } from './drained.mjs'
import { listening } from './listening.mjs'

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const BYTES = { 'Content-Type': 'application/octet-stream' }
const GREETED = '/hello/'
const PUBLISH = '/publish/'

const server = createServer((req, res) => {
  switch (req.url) {
    case '/hello':
      sendText(res, HELLO)
      break
    case '/first-byte':
      pipeline(Readable.from(first()), res.writeHead(200, TEXT), ignoreLoss)
      break
    case '/items':
      pipeline(Readable.from(items()), res.writeHead(200, TEXT), ignoreLoss)
      break
    case '/items-async':
      pipeline(Readable.from(itemsAsync()), res.writeHead(200, TEXT), ignoreLoss)
      break
    case '/items-writer':
      res.writeHead(200, TEXT)
      void writeItems((item) => written(res, item)).then(() => res.end())
      break
    case '/items-writer-ahead':
      res.writeHead(200, TEXT)
      writeItemsAhead((item) => res.write(item))
      res.end()
      break
    case '/buffers':
      pipeline(Readable.from(buffers()), res.writeHead(200, BYTES), ignoreLoss)
      break
    case '/endless':
      pipeline(Readable.from(endless()), res.writeHead(200, TEXT), ignoreLoss)
      break
    case '/file':
      res.writeHead(200, { ...BYTES, 'Content-Length': statSync(FILE).size })
      pipeline(createReadStream(FILE, { highWaterMark: 256 * 1024 }), res, ignoreLoss)
      break
    case '/idle':
      openEventStream(res, idle)
      break
    case '/subscribe':
      openEventStream(res, subscribers)
      break
    default:
      if (req.url.startsWith(GREETED)) {
        sendText(res, `${req.headers['x-greeting']}, ${decodeURIComponent(req.url.slice(GREETED.length))}!`)
      } else if (req.url.startsWith(PUBLISH)) {
        void publishAll(req.url, publish).then(() => res.end())
      } else {
        res.writeHead(404).end()
      }
  }
})

/** @type {Set<import('node:http').ServerResponse>} */
const idle = new Set()
setInterval(() => {
  for (const res of idle) res.write(HEARTBEAT)
}, HEARTBEAT_MS)

/** @type {Set<import('node:http').ServerResponse>} */
const subscribers = new Set()

server.listen(0, '127.0.0.1', () => listening(server.address().port))

/** @param {string} id */
function publish(id) {
  const event = eventOf(id)
  for (const res of subscribers) res.write(event)
}

/**
 * @param {import('node:http').ServerResponse} res
 * @param {Set<import('node:http').ServerResponse>} streams those who are open
 */
function openEventStream(res, streams) {
  res.writeHead(200, EVENT_STREAM).write(RETRY)
  streams.add(res)
  res.on('close', () => streams.delete(res))
}

/**
 * @param {import('node:http').ServerResponse} res
 * @param {string} text
 */
function sendText(res, text) {
  res.writeHead(200, { ...TEXT, 'Content-Length': Buffer.byteLength(text) }).end(text)
}

/**
 * @param {import('node:http').ServerResponse} res
 * @param {string} item
 */
async function written(res, item) {
  if (!res.write(item) && !res.destroyed) await drained(res)
}

/** A client that leaves early has destroyed the stream already; nothing is left to do. */
function ignoreLoss() {}
