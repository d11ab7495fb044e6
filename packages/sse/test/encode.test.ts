import { isCatzillaError } from '@catzilla/streaming'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { describe, expect, test } from 'vitest'
import { encodeEvent, type SseItem } from '../src/encode.ts'
import { randomText, seeded } from './random.ts'

interface Parsed {
  readonly events: EventSourceMessage[]
  readonly comments: string[]
  readonly retries: number[]
}

/** What a client makes of a body that arrives in `chunks`. An error of the parser (an unknown field) fails the test. */
function parse(...chunks: string[]): Parsed {
  const parsed: Parsed = { events: [], comments: [], retries: [] }
  const parser = createParser({
    onEvent: (event) => parsed.events.push(event),
    onComment: (comment) => parsed.comments.push(comment),
    onRetry: (ms) => parsed.retries.push(ms),
    onError: (error) => {
      throw error
    },
  })
  for (const chunk of chunks) parser.feed(chunk)
  return parsed
}

function codeOf(item: unknown): string {
  try {
    encodeEvent(item as SseItem)
  } catch (error) {
    if (isCatzillaError(error)) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the form on the wire', () => {
  test.each<[what: string, item: SseItem, wire: string]>([
    ['a string is data', 'hello', 'data: hello\n\n'],
    ['an empty string is an event with empty data', '', 'data: \n\n'],
    ['leading spaces survive, as the first space is the format’s', ' x', 'data:  x\n\n'],
    ['LF splits data', 'a\nb', 'data: a\ndata: b\n\n'],
    ['CR splits data', 'a\rb', 'data: a\ndata: b\n\n'],
    ['CRLF splits data once', 'a\r\nb', 'data: a\ndata: b\n\n'],
    ['LF CR is two line ends', 'a\n\rb', 'data: a\ndata: \ndata: b\n\n'],
    ['a last line end is kept', 'a\n', 'data: a\ndata: \n\n'],
    ['data cannot add a field', 'x\nid: 7\n\ndata: y', 'data: x\ndata: id: 7\ndata: \ndata: data: y\n\n'],
    ['U+2028 and NEL are no line ends', 'a\u2028b\u0085c', 'data: a\u2028b\u0085c\n\n'],
    ['an object is JSON', { data: { a: [1, null] } }, 'data: {"a":[1,null]}\n\n'],
    ['numbers, booleans and null are JSON', { data: 0 }, 'data: 0\n\n'],
    ['false is data', { data: false }, 'data: false\n\n'],
    ['null is data', { data: null }, 'data: null\n\n'],
    ['empty data is kept', { data: '' }, 'data: \n\n'],
    ['every field', everyField(), ': note\nevent: tick\nid: 7\nretry: 100\ndata: x\n\n'],
    ['an empty id is sent: the client forgets the last one', { id: '', data: 'x' }, 'id: \ndata: x\n\n'],
    ['id 0 is an id', { id: 0, data: 'x' }, 'id: 0\ndata: x\n\n'],
    ['a bigint is an id', { id: 2n ** 64n, data: 'x' }, 'id: 18446744073709551616\ndata: x\n\n'],
    ['retry 0 is a time', { retry: 0 }, 'retry: 0\n\n'],
    ['a comment alone', { comment: 'a\r\nb\rc' }, ': a\n: b\n: c\n\n'],
    ['undefined fields are dropped', { data: 'x', id: undefined, event: undefined, retry: undefined }, 'data: x\n\n'],
    ['an event whose fields are all undefined is nothing', { id: undefined }, ''],
  ])('%s', (_what, item, wire) => {
    expect(encodeEvent(item)).toBe(wire)
  })

  test('serialize makes the text of what is no string, and its line ends are split', () => {
    const pretty = (data: unknown) => JSON.stringify(data, null, 2)
    expect(encodeEvent({ data: { a: 1 } }, pretty)).toBe('data: {\ndata:   "a": 1\ndata: }\n\n')
    expect(encodeEvent({ data: 'text' }, pretty)).toBe('data: text\n\n')
  })
})

function everyField(): SseItem {
  return { data: 'x', retry: 100, id: '7', event: 'tick', comment: 'note' }
}

describe('what has no form on the wire is refused, by name and with the value', () => {
  test.each([
    [
      'LF in an id',
      { id: 'a\nb' },
      'CZ_SSE_FIELD_NEWLINE: id must not contain CR or LF (got "a\\nb"); encode it first',
    ],
    [
      'CR in an id',
      { id: 'a\rb' },
      'CZ_SSE_FIELD_NEWLINE: id must not contain CR or LF (got "a\\rb"); encode it first',
    ],
    ['LF in an event type', { event: 'a\n' }, 'CZ_SSE_FIELD_NEWLINE: event must not contain CR or LF (got "a\\n")'],
    ['CR in an event type', { event: '\r' }, 'CZ_SSE_FIELD_NEWLINE: event must not contain CR or LF (got "\\r")'],
    ['NUL in an id', { id: 'a\0' }, 'CZ_SSE_FIELD_NUL: id must not contain NUL (got "a\\u0000")'],
    ['NUL in an event type', { event: '\0' }, 'CZ_SSE_FIELD_NUL: event must not contain NUL (got "\\u0000")'],
    [
      'a fraction as retry',
      { retry: 1.5 },
      'CZ_SSE_RETRY_RANGE: retry must be a whole number of milliseconds from 0 on (got 1.5)',
    ],
    ['a negative retry', { retry: -1 }, 'CZ_SSE_RETRY_RANGE'],
    ['a retry that prints an exponent', { retry: 1e21 }, 'CZ_SSE_RETRY_RANGE'],
    ['NaN as retry', { retry: Number.NaN }, 'CZ_SSE_RETRY_RANGE'],
    ['text as retry', { retry: '5' }, 'CZ_SSE_RETRY_RANGE'],
    ['null as id', { id: null, data: 'x' }, 'CZ_SSE_FIELD_TYPE: id must be a string or a finite number (got null)'],
    ['NaN as id', { id: Number.NaN, data: 'x' }, 'CZ_SSE_FIELD_TYPE'],
    [
      'an object as event type',
      { event: {}, data: 'x' },
      'CZ_SSE_FIELD_TYPE: event must be a string (got [object Object])',
    ],
    ['a field of no event', { price: 3 }, 'CZ_SSE_FIELD_UNKNOWN: Unknown event field "price"'],
    ['a misspelt field', { data: 'x', evnt: 'y' }, 'CZ_SSE_FIELD_UNKNOWN: Unknown event field "evnt"'],
    ['a number', 5, 'CZ_SSE_ITEM: An item of an event stream is a string or an event (got 5); yield text or an event'],
    ['null', null, 'CZ_SSE_ITEM'],
    ['an array', ['x'], 'CZ_SSE_ITEM'],
    ['bytes', new Uint8Array(3), 'CZ_SSE_ITEM'],
    ['an empty object', {}, 'CZ_SSE_ITEM'],
    [
      'a Map',
      new Map([['data', 'x']]),
      'CZ_SSE_ITEM: An item of an event stream is a string or an event (got an object of Map',
    ],
    ['bytes as data', { data: new Uint8Array(3) }, 'CZ_SSE_DATA: data must not be bytes'],
    ['a function as data', { data: () => 1 }, 'CZ_SSE_DATA: data must serialize to a string (function gave undefined)'],
    [
      'a BigInt as data',
      { data: 1n },
      'CZ_SSE_DATA: data could not be serialized (Do not know how to serialize a BigInt)',
    ],
  ])('%s', (_what, item, message) => {
    expect(codeOf(item)).toContain(message)
  })

  test('the error of a serializer is the cause', () => {
    const cause = new Error('no')
    const failing = () => {
      throw cause
    }
    expect(() => encodeEvent({ data: {} }, failing)).toThrow(expect.objectContaining({ code: 'CZ_SSE_DATA', cause }))
  })
})

describe('round trip through a parser that is not ours', () => {
  test('any text comes back as data, line ends as LF, however the body is cut', () => {
    const random = seeded(11)
    for (let round = 0; round < 300; round++) {
      const sent = Array.from({ length: 1 + random(4) }, () => randomText(random))
      const body = sent.map((data) => encodeEvent(data)).join('')
      const expected = sent.map((data) => ({ id: undefined, event: undefined, data: data.replace(/\r\n|\r/g, '\n') }))
      expect(parse(body).events).toEqual(expected)
      const cut = random(body.length + 1)
      expect(parse(body.slice(0, cut), body.slice(cut)).events).toEqual(expected)
    }
  })

  test('the body may be cut at every character, and fed character by character', () => {
    const body = encodeEvent({ id: 'é1', event: 'tick', comment: 'one\ntwo', retry: 5, data: 'a\r\n\nb: c' })
    const whole = parse(body)
    expect(whole.events).toEqual([{ id: 'é1', event: 'tick', data: 'a\n\nb: c' }])
    expect(whole.comments).toEqual(['one', 'two'])
    expect(whole.retries).toEqual([5])
    for (let cut = 0; cut <= body.length; cut++) expect(parse(body.slice(0, cut), body.slice(cut))).toEqual(whole)
    expect(parse(...body.split(''))).toEqual(whole)
  })

  test('whatever is in a field, it is that field of that event or an error', () => {
    const random = seeded(12)
    let refused = 0
    for (let round = 0; round < 1000; round++) {
      const event = {
        id: randomText(random),
        event: randomText(random),
        comment: randomText(random),
        data: randomText(random),
      }
      if (/[\r\n\0]/.test(event.id + event.event)) {
        refused++
        expect(codeOf(event)).toMatch(/CZ_SSE_FIELD_(NEWLINE|NUL)/)
        continue
      }
      const { events, comments, retries } = parse(encodeEvent(event))
      expect(events).toEqual([
        { id: event.id, event: event.event || undefined, data: event.data.replace(/\r\n|\r/g, '\n') },
      ])
      expect(comments.join('\n')).toBe(event.comment.replace(/\r\n|\r/g, '\n'))
      expect(retries).toEqual([])
    }
    expect(refused).toBeGreaterThan(100)
    expect(refused).toBeLessThan(900)
  })

  // https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
  test.each([
    ['data: YHOO\ndata: +2\ndata: 10\n\n', ['YHOO\n+2\n10']],
    [': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n', threeEvents()],
    ['data\n\ndata\ndata\n\ndata:\n\n', ['', '\n', '']],
    ['data:test\n\ndata: test\n\n', ['test', 'test']],
  ])('the examples of the standard come back the same when they are encoded again: %j', (body, data) => {
    const { events } = parse(body)
    expect(events.map((event) => event.data)).toEqual(data)
    expect(parse(events.map((event) => encodeEvent(event)).join(''))).toEqual({ events, comments: [], retries: [] })
  })
})

function threeEvents(): string[] {
  return ['first event', 'second event', ' third event']
}
