import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { catzilla } from '@catzilla/server'
import { send } from '@catzilla/streaming/node'
import { until } from '@catzilla/testkit'
import { describe, expect, test } from 'vitest'
import { createChannel, type Channel } from '../src/index.ts'

const SUBSCRIBERS = 1000
const EVENTS = 10_000
const BATCH = 100
const MAX_BYTES = 256 * 1024
const PAYLOAD = 'x'.repeat(100)

/** Evictions are told by the channel. */
const QUIET = { info() {}, warn() {}, error: console.error }

type Serve = (channel: Channel) => Promise<{ port: number; close(): Promise<unknown> }>

const hosts: Record<string, Serve> = {
  async 'node:http'(channel) {
    const server = createServer((req, res) => void send(req, res, channel.subscribe()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      port: (server.address() as AddressInfo).port,
      close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    }
  },
  async catzilla(channel) {
    const app = catzilla({ logger: QUIET })
    app.get('/', () => channel.subscribe())
    const { port } = await app.listen({ host: '127.0.0.1' })
    return { port, close: () => app.close({ graceMs: 0 }) }
  },
}

/** Checks that events come complete and in order, whatever the pieces, and keeps none of them. */
class OrderedReader {
  next = 0
  private rest = ''
  constructor(readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => this.take(text))
    socket.on('error', () => {}) // Its server closes in the end.
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop()!
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue
      const number = Number(line.slice(6, line.indexOf(' ', 6)))
      if (number !== this.next) throw new Error(`got ${number}, should be ${this.next}`)
      this.next++
    }
  }
}

async function subscribe(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  return socket
}

describe.each(Object.keys(hosts))('a thousand subscribers on %s', (host) => {
  test('one that stands still harms nobody: the others get all in order, and its memory stays under its bound', async () => {
    const channel = createChannel({ maxBytes: MAX_BYTES, maxEvents: EVENTS, retryMs: null, heartbeatMs: null })
    const { port, close } = await hosts[host]!(channel)
    const stuck = await subscribe(port)
    stuck.pause()
    const readers: OrderedReader[] = []
    while (readers.length < SUBSCRIBERS - 1) {
      const sockets = await Promise.all(
        Array.from({ length: Math.min(99, SUBSCRIBERS - 1 - readers.length) }, () => subscribe(port)),
      )
      readers.push(...sockets.map((socket) => new OrderedReader(socket)))
    }
    await until(() => channel.size === SUBSCRIBERS, 'all should listen')

    let evicted = 0
    channel.on('evict', () => evicted++)
    let heldMost = 0
    for (let sent = 0; sent < EVENTS;) {
      for (let i = 0; i < BATCH; i++) void channel.publish(`${sent++} ${PAYLOAD}`)
      await until(() => readers.every(({ next }) => next === sent), `all should have ${sent} events`, 30_000)
      heldMost = Math.max(heldMost, channel.stats.heldBytes)
    }
    expect(readers.map(({ next }) => next)).toEqual(Array.from({ length: SUBSCRIBERS - 1 }, () => EVENTS))
    expect(heldMost).toBeLessThanOrEqual(MAX_BYTES + BATCH * 200)
    expect(channel.stats.dropped).toBe(0)
    expect(evicted).toBe(channel.stats.evicted)
    // What the kernel takes for a socket is its own affair: where that is less than all events, the bound was reached.
    if (evicted === 0) expect(heldMost).toBe(0)
    for (const { socket } of readers) socket.destroy()
    stuck.destroy()
    await close()
  }, 180_000)
})
