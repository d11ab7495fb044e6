import { StreamingResponse } from '@catzilla/streaming'
import { toResponse } from '@catzilla/streaming/web'
import { EndlessSource, Journal, ScriptedSource, settled, until, within } from '@catzilla/testkit'
import { expect, test } from 'vitest'

const URL = 'http://localhost/path?query=1'
const ask = (init?: RequestInit) => new Request(URL, init)

test('a source that has its first item at once is answered at once', async () => {
  const response = toResponse(ask(), new StreamingResponse(['one', 'two']))
  expect(response).toBeInstanceOf(Response)
  expect(await (response as Response).text()).toBe('onetwo')
})

test('a source that has not is answered with its first item', async () => {
  const script = new ScriptedSource()
  const answer = toResponse(ask(), new StreamingResponse(script))
  expect(answer).toBeInstanceOf(Promise)
  script.give('first')
  const response = await answer
  const reader = response.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
  await reader.cancel()
})

test('a source that fails at once throws, and one that fails later on rejects', async () => {
  const fails = () => {
    throw new Error('early')
  }
  expect(() => toResponse(ask(), new StreamingResponse(fails))).toThrow('early')
  const script = new ScriptedSource()
  script.fail(new Error('later'))
  await expect(toResponse(ask(), new StreamingResponse(script))).rejects.toThrow('later')
})

test('the source is asked only as far as the high-water mark', async () => {
  const source = new EndlessSource()
  const response = await toResponse(ask(), new StreamingResponse(source.sync(), { highWaterMark: 10_000 }))
  const produced = await settled(() => source.produced, 'the source')
  expect(produced).toBeLessThan(20_000)
  const reader = response.body!.getReader()
  for (let frames = 0; frames < 3; frames++) await reader.read() // The first ones are small.
  await until(() => source.produced > produced, 'the source should be asked again')
  await reader.cancel()
})

test('cancelling the body returns the source', async () => {
  const source = new EndlessSource()
  const response = await toResponse(ask(), new StreamingResponse(source.sync()).after(source.journal.noting('after')))
  await response.body!.cancel()
  await source.journal.first('finally')
  expect(await source.journal.first('after')).toMatchObject({ outcome: 'client-abort' })
})

test('aborting the request returns the source, and ends the wait of a reader', async () => {
  const [script, gone] = [new ScriptedSource('first'), new AbortController()]
  const response = await toResponse(ask({ signal: gone.signal }), new StreamingResponse(script))
  const reader = response.body!.getReader()
  await reader.read()
  const read = reader.read()
  gone.abort(new Error('stopped'))
  await expect(within(read, 'the read')).rejects.toThrow('stopped')
  await script.journal.first('return')
})

test('a request that was aborted before is not begun', async () => {
  const script = new ScriptedSource('never')
  const response = await toResponse(ask({ signal: AbortSignal.abort() }), new StreamingResponse(script))
  expect(response.status).toBe(499)
  await script.journal.first('return')
  expect(script.journal.times('next')).toBe(0)
})

test('a client that leaves before the first item gets no error on its way', async () => {
  const [script, gone] = [new ScriptedSource(), new AbortController()]
  const answer = toResponse(ask({ signal: gone.signal }), new StreamingResponse(script))
  gone.abort()
  expect((await answer).status).toBe(499)
})

test('a body that breaks off gives what came before, and keeps the reason to itself', async () => {
  const journal = new Journal()
  const source = function* () {
    yield 'before'
    throw new Error('password')
  }
  const response = await toResponse(ask(), new StreamingResponse(source).after(journal.noting('after')))
  const reader = response.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('before')
  await expect(reader.read()).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED', message: 'The stream broke off' })
  expect(await journal.first('after')).toMatchObject({ outcome: 'source-error', error: { message: 'password' } })
})

test('HEAD has the head of GET, a declared length, and no body', async () => {
  const script = new ScriptedSource('body')
  const response = await toResponse(
    ask({ method: 'HEAD' }),
    new StreamingResponse(script, { headers: { 'content-length': 4, 'set-cookie': ['a=1', 'b=2'] } }),
  )
  expect(response.body).toBeNull()
  expect(response.headers.get('content-length')).toBe('4')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(script.journal.times('next')).toBe(0)
})

test('items are not taken from their source: its buffers stay usable', async () => {
  const item = new Uint8Array(32 * 1024)
  const response = await toResponse(ask(), new StreamingResponse([item]))
  await response.arrayBuffer()
  expect(item.byteLength).toBe(32 * 1024)
})

test('a source that throws nothing in particular is an error all the same', async () => {
  const fails = () => {
    throw undefined
  }
  expect(() => toResponse(ask(), new StreamingResponse(fails))).toThrow('which is no error')
})
