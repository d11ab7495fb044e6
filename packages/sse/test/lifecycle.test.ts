import { sendInMemory, until, within, type MemoryExchange } from '@catzilla/testkit'
import { describe, expect, test, vi } from 'vitest'
import { sse, sseSession, type SseSession } from '../src/index.ts'

const QUIET = { heartbeatMs: null } as const

/** Gives one event, then waits until it is told to stop. */
async function* silent(signal: AbortSignal): AsyncGenerator<string> {
  yield 'first'
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

async function begun(exchange: MemoryExchange): Promise<void> {
  await until(() => exchange.sink.text.includes('data: first'), 'the stream should begin')
}

function retriesIn(text: string): number[] {
  return [...text.matchAll(/^retry: (\d+)$/gm)].map(([, ms]) => Number(ms))
}

describe('a stream that is ended before its source', () => {
  test('at its maximum age it ends well, with the farewell and a reconnection time by chance', async () => {
    let stopped = false
    const exchange = sendInMemory(
      sse(
        async function* ({ signal }) {
          try {
            yield* silent(signal)
          } finally {
            stopped = true
          }
        },
        { ...QUIET, maxAgeMs: 40, farewell: { event: 'goodbye', data: { again: true } } },
      ),
    )
    const start = performance.now()
    const end = await exchange.end()
    expect(performance.now() - start).toBeGreaterThan(25)
    expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' }, committed: true })
    expect(exchange.sink).toMatchObject({ ended: true, aborted: undefined })
    expect(exchange.sink.text).toMatch(/data: first\n\nretry: \d+\n\nevent: goodbye\ndata: \{"again":true\}\n\n$/)
    const [, again] = retriesIn(exchange.sink.text)
    expect(again).toBeGreaterThanOrEqual(1_000)
    expect(again).toBeLessThanOrEqual(3_000)
    expect(stopped).toBe(true)
  })

  test('ages differ, so that those who came together do not leave together', () => {
    const { request } = sendInMemory(sse([]))
    const response = sse(['a'], { maxAgeMs: 10_000 })
    const ages = Array.from({ length: 50 }, () => response.open(request).options.deadlines.totalMs!)
    expect(Math.max(...ages)).toBeLessThanOrEqual(10_000)
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(8_000)
    expect(new Set(ages).size).toBeGreaterThan(20)
  })

  test('a shutdown ends it well, and its signal says why', async () => {
    const reason = new Error('the server is shutting down')
    let seen: unknown
    const exchange = sendInMemory(
      sse(
        async function* ({ signal }) {
          yield* silent(signal)
          seen = signal.reason
        },
        { ...QUIET, farewell: 'bye' },
      ),
    )
    await begun(exchange)
    exchange.handle!.stop('shutdown', reason)
    expect(await exchange.end()).toEqual({ outcome: 'shutdown', error: reason, committed: true })
    expect(exchange.sink.ended).toBe(true)
    expect(exchange.sink.text).toMatch(/retry: \d+\n\ndata: bye\n\n$/)
    await vi.waitFor(() => expect(seen).toBe(reason))
  })

  test('the source hears of the end at once, also where the client still has to take the rest', async () => {
    let signal: AbortSignal | undefined
    const source = (context: { signal: AbortSignal }) => silent((signal = context.signal))
    const exchange = sendInMemory(sse(source, QUIET), { slowEnd: true })
    await begun(exchange)
    exchange.handle!.stop('shutdown', new Error('stop'))
    expect(signal!.aborted).toBe(true)
    expect(exchange.ends).toEqual([])
    exchange.sink.drain()
    expect(await exchange.end()).toMatchObject({ outcome: 'shutdown' })
  })

  test('the signal of the option until ends it well, and is let go of', async () => {
    const closing = new AbortController()
    const removed = vi.spyOn(closing.signal, 'removeEventListener')
    const exchanges = [1, 2].map(() =>
      sendInMemory(sse(({ signal }) => silent(signal), { ...QUIET, until: closing.signal, farewell: 'bye' })),
    )
    await Promise.all(exchanges.map(begun))
    closing.abort(new Error('closing'))
    for (const exchange of exchanges) {
      expect(await exchange.end()).toMatchObject({ outcome: 'shutdown', error: { message: 'closing' } })
      expect(exchange.sink.text).toMatch(/data: bye\n\n$/)
    }
    expect(removed).toHaveBeenCalledTimes(2)

    const late = sendInMemory(sse(({ signal }) => silent(signal), { ...QUIET, until: closing.signal, farewell: 'bye' }))
    expect(await late.end()).toMatchObject({ outcome: 'shutdown' })
    expect(late.sink.text).toMatch(/^retry: 2000\n\n.*data: bye\n\n$/s)
  })

  test('a source that is through leaves no listener at the signal', async () => {
    const closing = new AbortController()
    const removed = vi.spyOn(closing.signal, 'removeEventListener')
    await sendInMemory(sse(['a'], { until: closing.signal })).end()
    expect(removed).toHaveBeenCalledOnce()
  })
})

describe('a heartbeat', () => {
  test('waits for silence: each write starts its time anew', async () => {
    vi.useFakeTimers()
    try {
      let give: () => void = () => {}
      const exchange = sendInMemory(
        sse(
          async function* () {
            for (;;) {
              await new Promise<void>((resolve) => (give = resolve))
              yield 'tick'
            }
          },
          { heartbeatMs: 100, retryMs: null },
        ),
      )
      for (let i = 0; i < 20; i++) {
        await vi.advanceTimersByTimeAsync(40)
        give()
        await vi.advanceTimersByTimeAsync(0)
      }
      expect(exchange.sink.text).toBe('data: tick\n\n'.repeat(20))
      await vi.advanceTimersByTimeAsync(160)
      expect(exchange.sink.text).toMatch(/tick\n\n:\n\n$/)
      exchange.sink.lose()
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a session', () => {
  test('an event without a form is refused before anything is written, and the stream goes on', async () => {
    const codes: unknown[] = []
    const exchange = sendInMemory(
      sseSession(
        async (session) => {
          await session.send('one')
          for (const bad of [{ id: 'a\nb' }, { data: undefined }, { retry: 1.5 }, { tpye: 1 }, 7]) {
            try {
              await session.send(bad as never)
            } catch (error) {
              codes.push((error as { code: string }).code)
            }
          }
          expect(() => session.batch(['two', { event: 'a\0' }])).toThrow('NUL')
          await session.batch(['two', { id: 3, data: 3 }])
        },
        { ...QUIET, retryMs: null },
      ),
    )
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.sink.text).toBe('data: one\n\ndata: two\n\nid: 3\ndata: 3\n\n')
    expect(codes).toEqual([
      'CZ_SSE_FIELD_NEWLINE',
      'CZ_SSE_DATA',
      'CZ_SSE_RETRY_RANGE',
      'CZ_SSE_FIELD_UNKNOWN',
      'CZ_SSE_ITEM',
    ])
  })

  test('tells of its client, and when it leaves', async () => {
    let session: SseSession | undefined
    const exchange = sendInMemory(
      sseSession(async (opened) => {
        session = opened
        await opened.send('first')
        await new Promise((resolve) => opened.signal.addEventListener('abort', resolve))
      }, QUIET),
      { headers: { 'last-event-id': '5' }, url: '/x' },
    )
    await begun(exchange)
    expect(session).toMatchObject({ lastEventId: '5', closed: false, request: { url: '/x' } })
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
    expect(session!.closed).toBe(true)
    await expect(within(session!.send('more'), 'send should settle')).rejects.toMatchObject({
      code: 'CZ_STREAM_ABORTED',
    })
  })

  test('close() ends it well', async () => {
    const exchange = sendInMemory(
      sseSession(async (session) => {
        await session.send('first')
        session.close()
        await expect(session.send('late')).rejects.toMatchObject({ code: 'CZ_STREAM_CLOSED' })
      }, QUIET),
    )
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  })
})
