// uWebSockets.js. BATCHED=1 joins the items by hand into strings of 64 KiB.
import {
  EVENT_STREAM,
  HEARTBEAT,
  HEARTBEAT_MS,
  HELLO,
  RETRY,
  buffers,
  endless,
  eventOf,
  first,
  items,
  publishAll,
} from './content.mjs'
import { batched } from './batched.mjs'
import { listening } from './listening.mjs'
import { App, us_socket_local_port } from './uws-loaded.mjs'

const TEXT = 'text/plain; charset=utf-8'
const BATCHED = process.env.BATCHED === '1'
/** What is corked together must fit into 16 KiB with its framing: beyond that, each write is a system call. */
const CORKED_LENGTH = 6 * 1024

const app = App()

app.get('/hello', (res) => {
  res.writeHeader('Content-Type', TEXT).end(HELLO)
})
app.get('/hello/:name', (res, req) => {
  res.writeHeader('Content-Type', TEXT).end(`${req.getHeader('x-greeting')}, ${req.getParameter(0)}!`)
})
app.get('/first-byte', (res) => stream(res.writeHeader('Content-Type', TEXT), first()))
app.get('/items', (res) => stream(res.writeHeader('Content-Type', TEXT), BATCHED ? batched(items()) : items()))
app.get('/buffers', (res) => stream(res.writeHeader('Content-Type', 'application/octet-stream'), buffers()))
app.get('/endless', (res) => stream(res.writeHeader('Content-Type', TEXT), endless()))

const idle = new Set()
app.get('/idle', (res) => openEventStream(res, idle))
setInterval(() => {
  for (const res of idle) res.cork(() => res.write(HEARTBEAT))
}, HEARTBEAT_MS)

const subscribers = new Set()
app.get('/subscribe', (res) => openEventStream(res, subscribers))
app.get('/publish/*', (res, req) => {
  let open = true
  res.onAborted(() => (open = false))
  const url = req.getUrl()
  // Not within the handler: its own answer is corked there, so that no other can be, and each write would be four system calls.
  setImmediate(async () => {
    await publishAll(url, publish)
    if (open) res.cork(() => res.end())
  })
})

app.listen('127.0.0.1', 0, (socket) => listening(us_socket_local_port(socket)))

/** @param {string} id */
function publish(id) {
  const event = eventOf(id)
  for (const res of subscribers) res.cork(() => res.write(event))
}

/**
 * @param {import('@btc-vision/uwebsockets.js').HttpResponse} res
 * @param {Set<import('@btc-vision/uwebsockets.js').HttpResponse>} streams those who are open
 */
function openEventStream(res, streams) {
  for (const [name, value] of Object.entries(EVENT_STREAM)) res.writeHeader(name, value)
  res.write(RETRY)
  streams.add(res)
  res.onAborted(() => streams.delete(res))
}

/**
 * Sends what the source gives for as long as the client keeps up; `write()` says `false` when it does not.
 * @param {import('@btc-vision/uwebsockets.js').HttpResponse} res
 * @param {Iterator<string | Uint8Array>} source
 */
function stream(res, source) {
  let state = 'sending'
  const send = () => {
    state = 'sending'
    while (state === 'sending') res.cork(sendSome)
  }
  const sendSome = () => {
    for (let length = 0; length < CORKED_LENGTH && state === 'sending';) {
      const { value, done } = source.next()
      if (done) {
        state = 'over'
        res.end()
      } else {
        length += value.length
        if (!res.write(value)) state = 'waiting'
      }
    }
  }
  res.onAborted(() => {
    state = 'over'
  })
  res.onWritable(() => {
    if (state === 'waiting') send()
    return true
  })
  send()
}
