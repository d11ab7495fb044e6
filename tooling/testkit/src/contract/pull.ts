import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { StreamingResponse, type StreamItem, type StreamSource } from '@catzilla/streaming'
import { expect } from 'vitest'
import { rssAnon } from '../leaks.ts'
import { EndlessSource } from '../scripted-source.ts'
import { settled, until } from '../waits.ts'
import { chapter, type Server } from './chapter.ts'

const MIB = 1024 * 1024

/** What the system's own buffers of a local connection may take, with room to spare. */
const SYSTEM_BUFFERS = 16 * MIB

/** Anonymous memory that a stream may take besides: far more than its high-water mark, far less than its body. */
const MEMORY_GROWTH = 16 * MIB

const ENDLESS: Record<string, (source: EndlessSource) => StreamSource<StreamItem>> = {
  'a sync generator': (source) => source.sync(),
  'an async generator': (source) => source.async(),
  'a Node Readable': (source) => Readable.from(source.sync()),
  'a web ReadableStream': (source) =>
    new ReadableStream({ pull: (controller) => controller.enqueue(source.next()) }, { highWaterMark: 0 }),
}

/** A client that asks, and reads nothing of the answer but what came with its head. */
async function stalledClient(server: Server) {
  const client = await server.connect({ consume: () => {} })
  client.request({})
  const response = await client.response()
  client.stall()
  return { client, response }
}

export const pull = chapter('3. pull', (holds) => {
  for (const [kind, endless] of Object.entries(ENDLESS)) {
    holds(`${kind} is not asked for more while the reader stands still, and goes on with it`, async ({ serve }) => {
      const source = new EndlessSource()
      const server = await serve(() => new StreamingResponse(endless(source)))
      const { client } = await stalledClient(server)
      const produced = await settled(() => source.produced, 'a stalled stream')
      expect(produced).toBeLessThan(SYSTEM_BUFFERS)
      client.resume()
      await until(() => source.produced > produced + SYSTEM_BUFFERS, 'the source should be asked again')
    })
  }

  holds('a writer that awaits its writes stands still with the reader', async ({ serve }) => {
    const source = new EndlessSource()
    const server = await serve(() =>
      StreamingResponse.fromWriter(async (w) => {
        while (!w.closed) await w.write(source.next())
      }),
    )
    const { client } = await stalledClient(server)
    const produced = await settled(() => source.produced, 'a stalled writer')
    expect(produced).toBeLessThan(SYSTEM_BUFFERS)
    client.resume()
    await until(() => source.produced > produced + SYSTEM_BUFFERS, 'the writer should go on')
  })

  holds('a source goes on at the pace of a slow reader, and loses nothing', async ({ serve }) => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i} ${'x'.repeat(100)}\n`)
    const server = await serve(() => new StreamingResponse(lines))
    const client = await server.connect()
    client.readSlowly(2 * MIB)
    const response = await client.get()
    expect((await response.whole()) === lines.join('')).toBe(true)
  })
})

/** Cases that keep the processor busy, or measure memory. */
export const heavy = chapter('3. pull: many, large', (holds) => {
  holds('memory stays flat with stalled readers of endless sources', async ({ serve }) => {
    const source = new EndlessSource()
    const server = await serve(() => new StreamingResponse(source.sync()))
    await stalledClient(server) // What the first stream needs once is not growth.
    const first = await settled(() => source.produced, 'the first stream')
    const before = rssAnon()
    for (let i = 0; i < 20; i++) await stalledClient(server)
    const all = await settled(() => source.produced, 'stalled streams')
    // Each filled what there is between it and its reader, which is little where the kernel's queue is bounded.
    expect(all - first).toBeGreaterThan(20 * 128 * 1024)
    expect(rssAnon() - before).toBeLessThan(MEMORY_GROWTH)
  })

  holds('fifty clients that leave at once leave nothing behind', async ({ serve }) => {
    const source = new EndlessSource()
    const server = await serve(() => new StreamingResponse(source.sync()))
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect({ consume: () => {} })))
    await Promise.all(clients.map((client) => client.get()))
    for (const client of clients) client.leave()
    await until(() => source.journal.times('finally') === 50, 'each stream should end its source', 1_000)
  })

  holds('a million lines arrive exactly, with flat memory', async ({ serve }) => {
    const lines = function* () {
      for (let i = 0; i < 1_000_000; i++) yield `Data ${i}\n`
    }
    const expected = createHash('sha256')
    for (const line of lines()) expected.update(line)
    const server = await serve(() => new StreamingResponse(lines))

    // On one connection: of several threads, the same one is warm then.
    let hash = createHash('sha256')
    const client = await server.connect({ consume: (bytes) => hash.update(bytes) })
    const fetchAll = async () => {
      hash = createHash('sha256')
      const response = await client.get()
      await response.whole(20_000)
      return hash.digest('hex')
    }
    await fetchAll() // Warm: compiled code and pooled memory.
    const before = rssAnon()
    expect(await fetchAll()).toBe(expected.digest('hex'))
    expect(rssAnon() - before).toBeLessThan(MEMORY_GROWTH)
  })
})
