import { isStreamingResponse } from '@catzilla/streaming'
import { bodyOf, sendInMemory } from '@catzilla/testkit'
import { describe, expect, test } from 'vitest'
import { jsonl } from '../src/index.ts'

describe('jsonl()', () => {
  test('gives a streaming response with a line for each row', async () => {
    const response = jsonl(
      (function* () {
        yield { id: 1 }
        yield { id: 2, name: 'a\nb' }
      })(),
    )
    expect(isStreamingResponse(response)).toBe(true)
    expect(await bodyOf(response)).toBe('{"id":1}\n{"id":2,"name":"a\\nb"}\n')
    expect(response.fields).toEqual([['content-type', 'application/x-ndjson']])
  })

  test('takes async generators, and rows that are promised', async () => {
    async function* rows() {
      yield [1]
      yield 'two'
    }
    expect(await bodyOf(jsonl(rows()))).toBe('[1]\n"two"\n')
    expect(await bodyOf(jsonl([Promise.resolve(1), 2]))).toBe('1\n2\n')
  })

  test('a string as source is one row', async () => {
    expect(await bodyOf(jsonl('text'))).toBe('"text"\n')
  })

  test('no rows are an empty body', async () => {
    expect(await bodyOf(jsonl([]))).toBe('')
  })

  test('rows that are skipped do not end the stream', async () => {
    expect(await bodyOf(jsonl([undefined, 1, undefined], { undefinedRows: 'skip' }))).toBe('1\n')
  })

  test('each opening counts its rows anew', async () => {
    const response = jsonl(() => [1, undefined])
    for (let opening = 0; opening < 2; opening++) {
      const end = await sendInMemory(response).end()
      expect(end.error).toMatchObject({ message: expect.stringContaining('Row 2 has no JSON') })
    }
  })

  test('a bad first row is an error before the head', async () => {
    const exchange = sendInMemory(jsonl([{ id: 1n }]))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_JSONL_BIGINT' } })
    expect(exchange.sink.text).toBe('')
  })

  test('a bad later row breaks the body behind the rows before it', async () => {
    const exchange = sendInMemory(jsonl([{ id: 1 }, { id: 1n }]))
    const end = await exchange.end()
    expect(end).toMatchObject({ outcome: 'source-error', committed: true, error: { code: 'CZ_JSONL_BIGINT' } })
    expect(exchange.sink.text).toBe('{"id":1}\n')
    expect(exchange.sink.aborted).toBeDefined()
  })

  test('type, status and fields may be given', () => {
    const options = { contentType: 'application/jsonl', status: 203, headers: { 'x-one': '1' } }
    expect(jsonl([], options)).toMatchObject({
      status: 203,
      fields: [
        ['content-type', 'application/jsonl'],
        ['x-one', '1'],
      ],
    })
  })

  test('serialize gets the row', async () => {
    const serialize = (row: { id: number }) => `{"id":"#${row.id}"}`
    expect(await bodyOf(jsonl([{ id: 1 }], { serialize }))).toBe('{"id":"#1"}\n')
  })
})

describe('options', () => {
  test.each<[options: object, message: string]>([
    [{ contenttype: 'x' }, 'Unknown option "contenttype"; known are'],
    [{ serialize: 'json' }, 'serialize must be a function (got "json")'],
    [{ undefinedRows: 'drop' }, 'undefinedRows must be "throw" or "skip" or "null" (got "drop")'],
    [{ frame: 'lines' }, 'frame must be "ndjson" or "json-seq" or "array" or "envelope" or "event-stream"'],
    [{ frame: [] }, 'frame must be a frame or a list of frames'],
    [{ frame: ['array', 'ndjson'], contentType: 'text/plain' }, 'contentType is for one frame'],
    [{ envelope: { heads: {} } }, 'Unknown part of an envelope "heads"'],
    [{ bigint: 'drop' }, 'bigint must be "throw" or "string" or "number"'],
    [{ date: 'local' }, 'date must be "iso" or "milliseconds"'],
    [{ escape: 'all' }, 'escape must be "none" or "javascript" or "html"'],
    [{ failure: 'hide' }, 'failure must be "abort" or "tell"'],
    [{ endMarker: 1 }, 'endMarker must be true or false'],
    [{ serialize: String, bigint: 'string' }, 'bigint, date and escape are rules of our own serializer'],
  ])('%j is refused when the response is made', (options, message) => {
    expect(() => jsonl([], options)).toThrow(
      expect.objectContaining({ code: 'CZ_JSONL_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test('undefined stands for the default', async () => {
    const options = { contentType: undefined, serialize: undefined, undefinedRows: undefined, headers: undefined }
    expect(await bodyOf(jsonl([1], options as never))).toBe('1\n')
  })
})
