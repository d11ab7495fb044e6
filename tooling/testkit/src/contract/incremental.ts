import { Readable } from 'node:stream'
import { setTimeout as after } from 'node:timers/promises'
import { StreamingResponse, type StreamItem, type StreamSource } from '@catzilla/streaming'
import { expect } from 'vitest'
import { ScriptedSource } from '../scripted-source.ts'
import { chapter } from './chapter.ts'

const ITEM_EVERY_MS = 100

/** Each passes on what the script gives, when it does. */
const PACED: Record<string, (script: ScriptedSource) => StreamSource<StreamItem>> = {
  'an async iterator': (script) => script,
  'an async generator': (script) =>
    async function* () {
      yield* iterable(script)
    },
  'a sync generator that yields promises': (script) =>
    function* () {
      let done = false
      const next = async () => {
        const result = await script.next()
        done = result.done === true
        return result.value ?? ''
      }
      while (!done) yield next()
    },
  'a Node Readable': (script) => Readable.from(iterable(script)),
  'a web ReadableStream': (script) =>
    new ReadableStream({
      async pull(controller) {
        const { done, value } = await script.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
    }),
}

function iterable(script: ScriptedSource): AsyncIterable<string> {
  return { [Symbol.asyncIterator]: () => script }
}

/** Keeps the thread busy, as a slow computation inside a generator does. */
function work(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) {
    // Busy.
  }
}

export const incremental = chapter('2. incremental', (holds) => {
  holds('items that are made 100 ms apart arrive apart', async ({ serve }) => {
    const server = await serve(
      () =>
        new StreamingResponse(async function* () {
          for (let i = 0; i < 5; i++) {
            yield `item ${i}\n`
            await after(ITEM_EVERY_MS)
          }
        }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('item 0\nitem 1\nitem 2\nitem 3\nitem 4\n')
    const arrivals = response.pieces.map((piece) => piece.at)
    const gaps = arrivals.slice(1).map((at, index) => at - arrivals[index]!)
    expect(gaps).toHaveLength(4)
    expect(Math.min(...gaps)).toBeGreaterThan(ITEM_EVERY_MS / 2)
  })

  for (const [kind, paced] of Object.entries(PACED)) {
    holds(`an item of ${kind} arrives before the next is made`, async ({ serve }) => {
      const script = new ScriptedSource('first ')
      const server = await serve(() => new StreamingResponse(paced(script)))
      const response = await server.get()
      await response.receives('first ')
      script.give('second ')
      await response.receives('second ')
      script.give('third')
      script.end()
      expect(await response.whole()).toBe('first second third')
    })
  }

  holds('a write to a writer arrives while the next is awaited', async ({ serve }) => {
    const script = new ScriptedSource()
    const server = await serve(() =>
      StreamingResponse.fromWriter(async (w) => {
        for await (const item of iterable(script)) await w.write(item)
      }),
    )
    const client = await server.connect()
    client.request({})
    script.give('first ')
    const response = await client.response()
    await response.receives('first ')
    script.give('second')
    script.end()
    expect(await response.whole()).toBe('first second')
  })

  holds('items of one turn share a frame', async ({ serve }) => {
    const script = new ScriptedSource()
    const server = await serve(
      () =>
        new StreamingResponse(function* () {
          for (let i = 0; i < 10; i++) yield `item ${i} `
          yield script.next().then(() => 'last')
        }),
    )
    const response = await server.get()
    await response.receives('item 9 ')
    expect(response.chunkSizes).toHaveLength(1)
    script.give('go on')
    expect(await response.whole()).toMatch(/last$/)
  })

  holds('a burst leaves nothing behind while the source waits', async ({ serve }) => {
    const script = new ScriptedSource()
    const burst = Array.from({ length: 5_000 }, (_, i) => `item ${i}\n`)
    const server = await serve(
      () =>
        new StreamingResponse(async function* () {
          yield* burst
          await script.next()
        }),
    )
    const response = await server.get()
    await response.receivesBytes(burst.join('').length)
    script.give('go on')
    expect(await response.whole()).toBe(burst.join(''))
  })

  holds('a sync source that works long for each item is seen item by item', async ({ serve }) => {
    let made = 0
    const server = await serve(
      () =>
        new StreamingResponse(function* () {
          while (made < 10) {
            work(10)
            yield `item ${made++} `
          }
        }),
    )
    const response = await server.get()
    await response.receives('item 0 ')
    expect(made).toBeLessThan(10)
    await response.whole()
  })

  holds('other requests are answered while a stream waits', async ({ serve }) => {
    const script = new ScriptedSource('begun')
    const server = await serve({
      '/stream': () => new StreamingResponse(script),
      '/other': () => new StreamingResponse('other'),
    })
    const stream = await server.get('/stream')
    await stream.receives('begun')
    const other = await server.get('/other')
    expect(await other.whole()).toBe('other')
    expect(stream.end).toBeUndefined()
  })

  holds.where('headWithFirstItem', 'head and first item arrive together', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const server = await serve(() => new StreamingResponse(script))
    const response = await server.get()
    await response.receives('first')
    expect(response.pieces[0]!.at).toBe(response.headAt)
  })

  holds('an eager head arrives before the first item is made', async ({ serve }) => {
    const script = new ScriptedSource()
    const server = await serve(() => new StreamingResponse(script, { head: 'eager' }))
    const response = await server.get()
    expect(response.status).toBe(200)
    script.give('first')
    await response.receives('first')
  })

  holds('a heartbeat fills the silence of a source', async ({ serve }) => {
    const script = new ScriptedSource('first\n')
    const heartbeat = { intervalMs: 100, frame: ': alive\n' }
    const server = await serve(() => new StreamingResponse(script, { heartbeat }))
    const response = await server.get()
    await response.receives('first\n: alive\n: alive\n')
    script.give('second')
    await response.receives('second')
  })
})
