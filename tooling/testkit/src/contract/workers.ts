import { createHash } from 'node:crypto'
import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { createWorkerPool, fromWorker, type WorkerPool, type WorkerSource } from '@catzilla/streaming/worker'
import { expect } from 'vitest'
import { Journal, until } from '../waits.ts'
import { chapter, type Stage } from './chapter.ts'

const PRODUCERS = new URL('./workers-producers.mjs', import.meta.url)

/** One worker for all cases, which run side by side in it. */
let pool: WorkerPool | undefined

/** Ends the worker of the chapter, and with it what its cases may have left. */
export async function closeWorkers(): Promise<void> {
  await pool?.close()
  pool = undefined
}

function produce(name: string, ...args: readonly unknown[]): WorkerSource {
  return fromWorker(PRODUCERS, { export: name, args, pool: (pool ??= createWorkerPool({ size: 1 })) })
}

/** What a producer says of itself: 0 the items that were asked for, 1 that its `finally` has run. */
const flags = () => new Int32Array(new SharedArrayBuffer(8))

export const workers = chapter('worker producers', (holds) => {
  holds('what a generator yields in a worker arrives whole', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse(produce('rows', 20_000)))
    const text = await (await server.get()).whole()
    expect(text).toBe(Array.from({ length: 20_000 }, (_, i) => `row ${i}\n`).join(''))
  })

  holds('each item is sent before the next is there', async ({ serve }: Stage) => {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const server = await serve(() => new StreamingResponse(produce('gated', gate)))
    const answer = await server.get()
    for (let i = 0; i < 3; i++) {
      await answer.receives(`item ${i}\n`)
      Atomics.add(gate, 0, 1)
    }
    expect(await answer.whole()).toBe('item 0\nitem 1\nitem 2\n')
  })

  holds('what fails there before the first item is no 200', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() => new StreamingResponse(produce('failing', 0)).after(journal.noting('after')))
    const answer = await server.get()
    expect(answer.status).toBe(500)
    expect(await answer.whole()).not.toContain('secret')
    expect(await journal.first<StreamEnd>('after')).toMatchObject({
      outcome: 'source-error',
      error: { message: 'secret', code: 'E_SECRET' },
    })
  })

  holds('what fails there later breaks the body, behind what came before', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse(produce('failing', 3)))
    expect(await (await server.get()).broken()).toBe('row 0\nrow 1\nrow 2\n')
  })

  holds('a client that leaves ends the generator, and its finally runs', async ({ serve }) => {
    const seen = flags()
    const journal = new Journal()
    const server = await serve(() => new StreamingResponse(produce('endless', seen)).after(journal.noting('after')))
    const client = await server.connect({ consume: () => {} })
    await client.get()
    client.leave()
    expect(await journal.first<StreamEnd>('after', 1_000)).toMatchObject({ outcome: 'client-abort' })
    expect(Atomics.load(seen, 1)).toBe(1)
  })

  holds('a client that stands still stops the generator, and not its worker', async ({ serve }) => {
    const seen = flags()
    const server = await serve({
      '/endless': () => new StreamingResponse(produce('endless', seen)),
      '/rows': () => new StreamingResponse(produce('rows', 1_000)),
    })
    const client = await server.connect({ consume: () => {} })
    await client.get('/endless')
    client.stall()
    let before = -1
    await until(() => {
      const rests = seen[0] === before && before > 0
      before = seen[0]!
      return rests
    }, 'the generator should come to rest')
    expect(await (await server.get('/rows')).whole()).toContain('row 999\n')
    client.leave()
    await until(() => Atomics.load(seen, 1) === 1, 'its finally should run')
  })

  holds('a client that stood still for a while gets every byte', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse(produce('numbered', 8 * 1024)))
    const expected = createHash('sha256')
    for (let i = 0; i < 8 * 1024; i++) expected.update(new Uint8Array(new Uint32Array(1024).fill(i).buffer))
    const received = createHash('sha256')
    const client = await server.connect({ consume: (bytes) => received.update(bytes) })
    const answer = await client.get()
    client.stall()
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    client.resume()
    await answer.whole()
    expect(received.digest('hex')).toBe(expected.digest('hex'))
  })
})
