import { isStreamingResponse, StreamingResponse } from '@catzilla/streaming'
import { bodyOf, sendInMemory } from '@catzilla/testkit'
import { createParser } from 'eventsource-parser'
import { describe, expect, test, vi } from 'vitest'
import { sse, type SseContext } from '../src/index.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const

function dataOf(body: string): string[] {
  const data: string[] = []
  createParser({ onEvent: (event) => data.push(event.data) }).feed(body)
  return data
}

describe('sse()', () => {
  test('gives a streaming response that sends each item as an event', async () => {
    const response = sse(function* () {
      yield 'one'
      yield { id: '2', data: { two: 2 } }
    }, QUIET)
    expect(isStreamingResponse(response)).toBe(true)
    expect(response).toBeInstanceOf(StreamingResponse)
    expect(await bodyOf(response)).toBe('data: one\n\nid: 2\ndata: {"two":2}\n\n')
  })

  test('sends the fields that keep caches and proxies from holding events back', async () => {
    const { head } = sendInMemory(sse([]))
    expect(head?.status).toBe(200)
    expect(head?.fields).toEqual([
      ['content-type', 'text/event-stream'],
      ['cache-control', 'no-cache, no-transform'],
      ['x-accel-buffering', 'no'],
    ])
  })

  test('own fields are added, and replace ours of the same name', () => {
    const headers = { 'Cache-Control': 'private', 'x-one': '1', 'set-cookie': ['a=1', 'b=2'] }
    expect(sse([], { headers }).fields).toEqual([
      ['content-type', 'text/event-stream'],
      ['x-accel-buffering', 'no'],
      ['cache-control', 'private'],
      ['x-one', '1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    expect(sse([], { headers: new Headers({ 'content-type': 'text/plain' }) }).fields.at(-1)).toEqual([
      'content-type',
      'text/plain',
    ])
  })

  test('the head leaves before the first event', async () => {
    const exchange = sendInMemory(sse(({ signal }) => pending(signal), QUIET))
    await vi.waitFor(() => expect(exchange.sink.calls).toContain('flush'))
    expect(exchange.sink.text).toBe('')
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort', committed: true })
  })

  test('the reconnection time goes ahead of the first event, once', async () => {
    expect(await bodyOf(sse(['a', 'b']))).toBe('retry: 2000\n\ndata: a\n\ndata: b\n\n')
    expect(await bodyOf(sse(['a'], { retryMs: 0 }))).toBe('retry: 0\n\ndata: a\n\n')
    expect(await bodyOf(sse(['a'], { retryMs: null }))).toBe('data: a\n\n')
  })

  test('the reconnection time is sent where there is no event', async () => {
    expect(await bodyOf(sse([]))).toBe('retry: 2000\n\n')
  })

  test('each opening has its own start', async () => {
    const response = sse(() => ['a'])
    expect(await bodyOf(response)).toBe('retry: 2000\n\ndata: a\n\n')
    expect(await bodyOf(response)).toBe('retry: 2000\n\ndata: a\n\n')
  })

  test('a comment is sent when the source is silent for the interval', async () => {
    const exchange = sendInMemory(sse(({ signal }) => pending(signal), { heartbeatMs: 20, retryMs: null }))
    await vi.waitFor(() => expect(exchange.sink.text).toContain(':\n\n:\n\n'))
    expect(exchange.head?.probe).toBe(':\n\n')
    exchange.sink.lose()
    await exchange.end()
    expect(dataOf(exchange.sink.text)).toEqual([])
  })

  test('an item without a form breaks the stream with its error, after the events before it', async () => {
    const exchange = sendInMemory(sse(['good', { id: 'a\nb' }], QUIET))
    const end = await exchange.end()
    expect(end).toMatchObject({ outcome: 'source-error', committed: true })
    expect(end.error).toMatchObject({ code: 'CZ_SSE_FIELD_NEWLINE' })
    expect(exchange.sink.text).toBe('data: good\n\n')
    expect(exchange.sink.aborted).toBeDefined()
  })

  test('the source is told to stop when the client leaves', async () => {
    let stopped = false
    const exchange = sendInMemory(
      sse(async function* () {
        try {
          for (;;) {
            yield 'tick'
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
        } finally {
          stopped = true
        }
      }, QUIET),
    )
    await vi.waitFor(() => expect(dataOf(exchange.sink.text).length).toBeGreaterThan(1))
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
    expect(stopped).toBe(true)
  })
})

describe('the context of a source function', () => {
  function contextOf(headers: Record<string, string>): SseContext {
    let seen: SseContext | undefined
    sendInMemory(
      sse((context) => {
        seen = context
        return []
      }),
      { headers },
    )
    return seen!
  }

  test('has the id that the client saw last', () => {
    expect(contextOf({ 'Last-Event-ID': '42' }).lastEventId).toBe('42')
  })

  test.each([
    ['no id', {}, null],
    ['an empty id', { 'last-event-id': '' }, null],
    [
      'an id in UTF-8, which hosts hand over as Latin-1',
      { 'last-event-id': Buffer.from('é→🎈').toString('latin1') },
      'é→🎈',
    ],
    ['an id in Latin-1', { 'last-event-id': 'caf\xe9' }, 'café'],
  ])('has %s', (_what, headers, id) => {
    expect(contextOf(headers as Record<string, string>).lastEventId).toBe(id)
  })

  test('an id that a host has decoded already is left alone', () => {
    const request = { ...contextOf({}).request, headers: { get: (name: string) => (name === 'accept' ? null : 'é→') } }
    let id: string | null = ''
    const response = sse((context) => {
      id = context.lastEventId
      return []
    })
    response.open(request)
    expect(id).toBe('é→')
  })

  test('has a signal that fires when the client leaves', async () => {
    let signal: AbortSignal | undefined
    const exchange = sendInMemory(
      sse((context) => {
        signal = context.signal
        return pending(context.signal)
      }, QUIET),
    )
    expect(signal?.aborted).toBe(false)
    exchange.sink.lose()
    await exchange.end()
    expect(signal?.aborted).toBe(true)
  })

  test('is not made for HEAD: the source does not start', async () => {
    const start = vi.fn(() => ['x'])
    const exchange = sendInMemory(sse(start), { method: 'HEAD' })
    await exchange.end()
    expect(start).not.toHaveBeenCalled()
    expect(exchange.sink.text).toBe('')
    expect(exchange.head?.fields[0]).toEqual(['content-type', 'text/event-stream'])
  })
})

describe('options', () => {
  test.each([
    [{ heartbeat: 5 }, 'CZ_SSE_OPTION', 'Unknown option "heartbeat"; known are'],
    [{ heartbeatMs: 0 }, 'CZ_SSE_OPTION', 'heartbeatMs must be above 0'],
    [
      { heartbeatMs: 2 ** 31 },
      'CZ_SSE_OPTION',
      'heartbeatMs must be above 0 and at most 2147483647, or null (got 2147483648)',
    ],
    [{ heartbeatMs: '5' }, 'CZ_SSE_OPTION', 'heartbeatMs'],
    [{ retryMs: -1 }, 'CZ_SSE_RETRY_RANGE', 'retryMs must be a whole number'],
    [{ serialize: 'json' }, 'CZ_SSE_OPTION', 'serialize must be a function'],
    [{ status: 700 }, 'CZ_HEAD_STATUS', '700'],
    [{ maxAgeMs: 0 }, 'CZ_SSE_OPTION', 'maxAgeMs must be above 0'],
    [{ accept: 'json' }, 'CZ_SSE_OPTION', 'accept must be any, only or dual (got "json")'],
    [{ farewell: { id: 'a\nb' } }, 'CZ_SSE_FIELD_NEWLINE', 'id must not contain'],
    [{ deadlines: { totalMs: 5 } }, 'CZ_SSE_OPTION', 'maxAgeMs'],
  ])('%j is refused when the response is made', (options, code, message) => {
    expect(() => sse([], options as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  test('undefined stands for the default', async () => {
    const options = {
      heartbeatMs: undefined,
      retryMs: undefined,
      serialize: undefined,
      status: undefined,
      headers: undefined,
    }
    expect(await bodyOf(sse(['a'], options as never))).toBe('retry: 2000\n\ndata: a\n\n')
  })
})

/** A source that gives nothing, until `signal` fires. */
async function* pending(signal: AbortSignal): AsyncGenerator<string> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}
