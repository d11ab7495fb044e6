import { bodyOf, sendInMemory, type MemoryOptions } from '@catzilla/testkit'
import { describe, expect, test, vi } from 'vitest'
import { formFor, type AcceptPolicy } from '../src/accept.ts'
import { sse } from '../src/index.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const
const EVENTS = 'text/event-stream'
const JSON_TYPE = 'application/json'

describe('which form a client gets', () => {
  test.each<[accept: string | null, only: string, dual: string]>([
    [null, EVENTS, JSON_TYPE],
    ['*/*', EVENTS, JSON_TYPE],
    ['', '406', '406'],
    [EVENTS, EVENTS, EVENTS],
    ['Text/Event-Stream', EVENTS, EVENTS],
    ['text/*', EVENTS, EVENTS],
    [JSON_TYPE, '406', JSON_TYPE],
    ['application/json, text/event-stream', EVENTS, JSON_TYPE],
    ['application/json;q=0.5, text/event-stream', EVENTS, EVENTS],
    ['text/event-stream;q=0.5, application/json', EVENTS, JSON_TYPE],
    ['text/event-stream, */*', EVENTS, EVENTS],
    ['text/event-stream, */*;q=0.1', EVENTS, EVENTS],
    ['text/event-stream;q=0, */*', '406', JSON_TYPE],
    ['text/html, application/xhtml+xml;q=0.9, */*;q=0.8', EVENTS, JSON_TYPE],
    ['text/html', '406', '406'],
    ['text/event-stream;q=2', '406', '406'],
    ['text/event-stream ; charset=utf-8 ; q=0.3', EVENTS, EVENTS],
  ])('Accept: %s', (accept, only, dual) => {
    const named = { 'event-stream': EVENTS, json: JSON_TYPE }
    const form = (policy: AcceptPolicy) => {
      const found = formFor(accept, policy)
      return found === undefined ? '406' : named[found]
    }
    expect([form('only'), form('dual'), form('any')]).toEqual([only, dual, EVENTS])
  })
})

async function answer(response: ReturnType<typeof sse>, options?: MemoryOptions) {
  const exchange = sendInMemory(response, options)
  await exchange.end()
  const { status, fields } = exchange.head!
  return { status, fields: Object.fromEntries(fields), body: exchange.sink.text }
}

describe('answers', () => {
  test('only: who accepts no event stream gets a 406, and the source does not start', async () => {
    const start = vi.fn(() => ['a'])
    const { status, fields, body } = await answer(sse(start, { accept: 'only' }), { headers: { accept: JSON_TYPE } })
    expect(status).toBe(406)
    expect(fields).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', vary: 'accept' })
    expect(body).toBe('Accept text/event-stream\n')
    expect(start).not.toHaveBeenCalled()
  })

  test('dual: others get the data of all events as JSON', async () => {
    const response = sse(['text', { event: 'tick', id: 1, data: { a: 1 } }, { comment: 'none' }], { accept: 'dual' })
    const asked = await answer(response, { headers: { accept: EVENTS } })
    expect(asked.fields).toMatchObject({ 'content-type': EVENTS, vary: 'accept' })
    expect(asked.body).toContain('event: tick\n')
    const other = await answer(response)
    expect(other.fields).toMatchObject({ 'content-type': JSON_TYPE, 'cache-control': 'no-cache, no-transform' })
    expect(JSON.parse(other.body)).toEqual(['text', { a: 1 }])
    expect(JSON.parse((await answer(sse([], { accept: 'dual' }))).body)).toEqual([])
  })

  test('dual: what fails before the first item is an error status, for those who get JSON', async () => {
    const exchange = sendInMemory(
      sse(
        async function* () {
          throw new Error('no data')
        },
        { accept: 'dual' },
      ),
    )
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
  })

  test('HEAD tells the form, and starts nothing', async () => {
    const start = vi.fn(() => null)
    const head = await answer(sse(start, { accept: 'dual' }), { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, fields: { 'content-type': JSON_TYPE }, body: '' })
    expect(start).not.toHaveBeenCalled()
  })

  test.each([['GET'], ['POST']])('%s gets events', async (method) => {
    expect(await bodyOf(sse(['a'], QUIET), { method })).toBe('data: a\n\n')
  })
})

describe('204', () => {
  test.each([
    ['a source that is null', sse(null, { headers: { 'x-why': 'through' } })],
    ['a function that gives null', sse(({ lastEventId }) => (lastEventId === '9' ? null : ['a']))],
  ])('%s ends the reconnecting', async (_what, response) => {
    const { status, fields, body } = await answer(response, { headers: { 'last-event-id': '9' } })
    expect({ status, body, type: fields['content-type'] }).toEqual({ status: 204, body: '', type: undefined })
  })

  test('a client with something left to see gets it', async () => {
    const response = sse(({ lastEventId }) => (lastEventId === '9' ? null : ['a']), QUIET)
    expect(await answer(response)).toMatchObject({ status: 200, body: 'data: a\n\n' })
  })
})

describe('what a source function throws at once', () => {
  test('comes before the head, so that hosts can answer with its status, and after() runs', async () => {
    const error = Object.assign(new Error('who are you?'), { status: 401 })
    const ended = vi.fn()
    const response = sse(() => {
      throw error
    }).after(ended)
    const exchange = sendInMemory(response)
    expect(await exchange.end()).toEqual({ outcome: 'source-error', error, committed: false })
    expect(exchange.sink.calls).toEqual([])
    expect(ended).toHaveBeenCalledOnce()
  })
})

describe('Last-Event-ID', () => {
  async function idFor(options: MemoryOptions, param?: string | null): Promise<string | null> {
    let id: string | null = 'not asked'
    const start = (context: { lastEventId: string | null }) => {
      id = context.lastEventId
      return []
    }
    await bodyOf(sse(start, param === undefined ? {} : { lastEventIdParam: param }), options)
    return id
  }

  test.each<[string, MemoryOptions, string | null | undefined, string | null]>([
    ['the field', { headers: { 'last-event-id': '7' } }, undefined, '7'],
    ['the query, for clients that cannot set fields', { url: '/e?a=b&lastEventId=k%2F7' }, undefined, 'k/7'],
    ['the field before the query', { url: '/?lastEventId=3', headers: { 'last-event-id': '7' } }, undefined, '7'],
    ['none', { url: '/?x=1' }, undefined, null],
    ['none, where it is empty', { url: '/?lastEventId=' }, undefined, null],
    ['another parameter', { url: '/?since=4' }, 'since', '4'],
    ['no parameter', { url: '/?lastEventId=4' }, null, null],
  ])('%s', async (_what, options, param, id) => {
    expect(await idFor(options, param)).toBe(id)
  })
})
