import { setTimeout as after } from 'node:timers/promises'
import { StreamingResponse, type StreamDeadlines, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { EndlessSource, ScriptedSource } from '../scripted-source.ts'
import { Journal, settled } from '../waits.ts'
import { chapter, type Stage } from './chapter.ts'

const LIMIT_MS = 150

/** A minimum rate counts after this grace. */
const RATE_GRACE_MS = 5_000

export const deadlines = chapter('9. deadlines', (holds) => {
  holds('a source without a first item in time is answered with an error status', async ({ serve }) => {
    const script = new ScriptedSource()
    const { journal } = script
    const options = { deadlines: { firstItemMs: LIMIT_MS } }
    const server = await serve(() => new StreamingResponse(script, options).after(journal.noting('after')))
    const response = await server.get()
    expect(response.status).toBeGreaterThanOrEqual(500)
    const end = await journal.first<StreamEnd>('after')
    expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' }, committed: false })
    expect(journal.times('return')).toBe(1)
  })

  holds('a source that goes quiet is broken off after idleMs', async ({ serve }) => {
    await brokenOff(serve, { idleMs: LIMIT_MS })
  })

  holds('a stream that is not through is broken off after totalMs', async ({ serve }) => {
    await brokenOff(serve, { totalMs: LIMIT_MS })
  })

  holds('a source that keeps giving items is not idle', async ({ serve }) => {
    const server = await serve(
      () =>
        new StreamingResponse(
          async function* () {
            for (let i = 0; i < 6; i++) {
              await after(LIMIT_MS / 3)
              yield `${i}`
            }
          },
          { deadlines: { idleMs: LIMIT_MS, firstItemMs: LIMIT_MS } },
        ),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('012345')
  })

  holds('a sync source whose reader is slow has given its first item, and is not idle', async ({ serve }) => {
    const source = new EndlessSource()
    const limits = { firstItemMs: LIMIT_MS, idleMs: LIMIT_MS }
    const server = await serve(() =>
      new StreamingResponse(source.sync(), { deadlines: limits }).after(source.journal.noting('after')),
    )
    const client = await server.connect({ consume: () => {} })
    await client.get()
    client.stall()
    await settled(() => source.produced, 'the stalled stream', 3 * LIMIT_MS)
    expect(source.journal.times('after')).toBe(0)
  })

  holds('a sync source that is always ready is not idle', async ({ serve }) => {
    const source = new EndlessSource('x')
    const limits = { firstItemMs: LIMIT_MS, idleMs: LIMIT_MS }
    const server = await serve(() =>
      new StreamingResponse(source.sync(), { deadlines: limits }).after(source.journal.noting('after')),
    )
    const client = await server.connect({ consume: () => {} })
    client.readSlowly(64 * 1024)
    await client.get()
    await after(3 * LIMIT_MS)
    expect(source.journal.times('after')).toBe(0)
  })

  holds('the signal of a stream that ran out of time fires with the reason', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const { journal } = script
    const server = await serve((request) => {
      request.signal.addEventListener('abort', () => journal.note('aborted', request.signal.reason))
      return new StreamingResponse(script, { deadlines: { idleMs: LIMIT_MS } })
    })
    await server.get()
    expect(await journal.first('aborted')).toMatchObject({ code: 'CZ_STREAM_TIMEOUT' })
  })

  holds('a reader that stands still is dropped after stallMs', async (stage) => {
    await droppedReader(stage, { stallMs: LIMIT_MS }, 2_000)
  })

  holds.where('knowsDelivery', 'a reader that stands still at the end of a body is dropped', async ({ serve }) => {
    const journal = new Journal()
    const options = { deadlines: { stallMs: LIMIT_MS } }
    const server = await serve(() =>
      new StreamingResponse([SMALL], options).after(({ outcome }) => journal.note(outcome)),
    )
    const client = await server.connect({ consume: () => {} })
    client.stall()
    client.request(...Array.from({ length: MANY }, () => ({})))
    await journal.first('timeout')
    client.resume()
    await client.ended()
    expect(journal.times('completed')).toBeLessThan(MANY)
  })

  holds('a reader below the minimum rate is dropped after a grace', async (stage) => {
    const waited = await droppedReader(stage, { minBytesPerSecond: 10_000_000 }, RATE_GRACE_MS + 3_000)
    expect(waited).toBeGreaterThan(RATE_GRACE_MS - 500)
  })
})

/** An answer that stays below every high-water mark, so that its source is through before its reader is. */
const SMALL = 'x'.repeat(50_000)

/** Enough of them to fill the system's buffers of a connection. */
const MANY = 500

/** A source that gives one item and then nothing meets its deadline. */
async function brokenOff(serve: Stage['serve'], limits: StreamDeadlines): Promise<void> {
  const script = new ScriptedSource('first')
  const { journal } = script
  const server = await serve(() => new StreamingResponse(script, { deadlines: limits }).after(journal.noting('after')))
  const response = await server.get()
  expect(await response.broken()).toBe('first')
  const end = await journal.first<StreamEnd>('after')
  expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' }, committed: true })
  expect(journal.times('return')).toBe(1)
}

/** A reader of an endless stream stands still, and is dropped; gives how long that took. */
async function droppedReader({ serve }: Stage, limits: StreamDeadlines, withinMs: number): Promise<number> {
  const source = new EndlessSource()
  const { journal } = source
  const server = await serve(() =>
    new StreamingResponse(source.sync(), { deadlines: limits }).after(journal.noting('after')),
  )
  const client = await server.connect({ consume: () => {} })
  const response = await client.get()
  client.stall()
  const stalledAt = performance.now()
  const end = await journal.first<StreamEnd>('after', withinMs)
  expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' } })
  expect(journal.times('finally')).toBe(1)
  client.resume()
  await response.broken()
  return journal.timeOf('after') - stalledAt
}
