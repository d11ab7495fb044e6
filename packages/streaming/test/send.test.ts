import { Journal, MemoryExchange, ScriptedSource, sendInMemory } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { sendStream, StreamingResponse, type StreamEnd } from '@catzilla/streaming'

test('HEAD sends the head of GET and ends, without asking the source', async () => {
  const script = new ScriptedSource('body')
  const response = new StreamingResponse(script, { status: 201, headers: { etag: '"1"' } })
  const exchange = sendInMemory(response, { method: 'HEAD' })
  expect(await exchange.end()).toEqual({ outcome: 'completed', error: undefined, committed: true })
  expect(exchange.head).toMatchObject({ status: 201, fields: expect.arrayContaining([['etag', '"1"']]) })
  expect(exchange.sink.calls).toEqual(['end'])
  expect(script.journal.events).toEqual(['return'])
  expect(exchange.handle).toBeUndefined()
})

test('HEAD tells a declared length', async () => {
  const exchange = sendInMemory(new StreamingResponse('body', { headers: { 'content-length': 4 } }), { method: 'HEAD' })
  await exchange.end()
  expect(exchange.head!.contentLength).toBe(4)
})

test('HEAD runs neither a function nor a writer', async () => {
  const journal = new Journal()
  const generator = function* () {
    journal.note('called')
    yield 'body'
  }
  await sendInMemory(new StreamingResponse(generator), { method: 'HEAD' }).end()
  await sendInMemory(StreamingResponse.fromWriter(journal.noting('called')), { method: 'HEAD' }).end()
  expect(journal.events).toEqual([])
})

test('HEAD survives a source that cannot be released', async () => {
  const source = {
    next: () => ({ done: true, value: undefined }),
    return() {
      throw new Error('no')
    },
  }
  const exchange = sendInMemory(new StreamingResponse(source as Iterator<string>), { method: 'HEAD' })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
})

test('HEAD runs after() callbacks with the outcome', async () => {
  const journal = new Journal()
  sendInMemory(new StreamingResponse('body').after(journal.noting('after')), { method: 'HEAD' })
  expect(await journal.first<StreamEnd>('after')).toMatchObject({ outcome: 'completed' })
})

test.each([204, 205, 304])('%i has no body, and releases its source', async (status) => {
  const script = new ScriptedSource('body')
  const exchange = sendInMemory(new StreamingResponse(script, { status }))
  await exchange.end()
  expect(exchange.sink.calls).toEqual(['end'])
  expect(script.journal.events).toEqual(['return'])
})

test('a declared length is told apart from the fields', async () => {
  const exchange = sendInMemory(new StreamingResponse('body', { headers: { 'content-length': '4', etag: '"1"' } }))
  await exchange.end()
  expect(exchange.head!.contentLength).toBe(4)
  expect(exchange.head!.fields.map(([name]) => name)).toEqual(['content-type', 'etag'])
})

test.each([
  ['no number', 'four'],
  ['negative', '-1'],
  ['a fraction', '1.5'],
  ['a list', ['4', '4']],
  ['too large to be exact', '99999999999999999999'],
])('a declared length that is %s is a source error before anything is sent', async (_what, length) => {
  const script = new ScriptedSource('body')
  const { journal } = script
  const response = new StreamingResponse(script, { headers: { 'content-length': length } })
  const exchange = sendInMemory(response.after(journal.noting('after')))
  expect(await exchange.end()).toMatchObject({ error: { code: 'CZ_HEAD_FIELD' }, committed: false })
  expect(exchange.head).toBeUndefined()
  await journal.first('after')
  expect(journal.events).toEqual(['return', 'after'])
})

test('the head carries the heartbeat as probe, and the high-water mark', async () => {
  const options = { heartbeat: { intervalMs: 1_000, frame: ':\n' }, highWaterMark: 1_000 }
  const exchange = sendInMemory(new StreamingResponse('body', options))
  await exchange.end()
  expect(exchange.head).toMatchObject({ probe: ':\n', highWaterMark: 1_000 })
})

test('a response that cannot be opened is a source error before anything is sent', async () => {
  class Failing extends StreamingResponse {
    override open(): never {
      throw new Error('failed')
    }
  }
  const exchange = new MemoryExchange()
  sendStream(new Failing(''), exchange)
  expect(await exchange.end()).toMatchObject({
    outcome: 'source-error',
    error: { message: 'failed' },
    committed: false,
  })
})
