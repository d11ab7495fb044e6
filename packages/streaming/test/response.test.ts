import { bodyOf, MemoryExchange } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { isStreamingResponse, StreamingResponse } from '../src/response.ts'

test('a response without options is plain text with status 200', () => {
  const response = new StreamingResponse('body')
  expect(response.status).toBe(200)
  expect(response.fields).toEqual([['content-type', 'text/plain; charset=utf-8']])
})

test('a content type among the headers wins', () => {
  const response = new StreamingResponse('body', { headers: { 'Content-Type': 'text/csv', 'x-one': '1' } })
  expect(response.fields).toEqual([
    ['content-type', 'text/csv'],
    ['x-one', '1'],
  ])
})

test('a bad status or field throws where the response is made', () => {
  expect(() => new StreamingResponse('body', { status: 100 })).toThrow(RangeError)
  expect(() => new StreamingResponse('body', { headers: { x: '\n' } })).toThrow(TypeError)
  expect(() => new StreamingResponse('body', { contentType: 'a\nb' })).toThrow(TypeError)
})

test('making a response touches nothing of its source', () => {
  const source = {
    [Symbol.iterator](): Iterator<string> {
      throw new Error('touched')
    },
  }
  expect(() => new StreamingResponse(source)).not.toThrow()
})

test('opening gives what a pump needs, with the callbacks added by then', () => {
  const callback = () => {}
  const response = new StreamingResponse(['item'], { status: 201, encode: (item) => item, tail: () => 'tail' })
  const opened = response.after(callback).open(new MemoryExchange().request)
  expect(opened).toMatchObject({ status: 201, source: ['item'], options: { after: [callback] } })
  expect(opened.encoder).toMatchObject({ encode: expect.any(Function), tail: expect.any(Function) })
})

test('after() of one response does not reach another', () => {
  const { request } = new MemoryExchange()
  new StreamingResponse('one').after(() => {})
  expect(new StreamingResponse('two').open(request).options.after).toEqual([])
})

test('isStreamingResponse knows a response of another copy of the package', () => {
  const foreign = { [Symbol.for('catzilla.streaming-response')]: true }
  expect(isStreamingResponse(new StreamingResponse(''))).toBe(true)
  expect(isStreamingResponse(StreamingResponse.fromWriter(() => {}))).toBe(true)
  expect(isStreamingResponse(foreign)).toBe(true)
  expect(isStreamingResponse(new Response(''))).toBe(false)
  expect(isStreamingResponse(undefined)).toBe(false)
})

test('a subclass may answer by the request', async () => {
  class Greeting extends StreamingResponse {
    override open(request: MemoryExchange['request']) {
      return new StreamingResponse([`hello ${request.headers.get('x-name')}`]).open(request)
    }
  }
  expect(await bodyOf(new Greeting(''), { headers: { 'x-name': 'you' } })).toBe('hello you')
})
