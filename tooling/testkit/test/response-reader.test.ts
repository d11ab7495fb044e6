import { describe, expect, test } from 'vitest'
import { ProtocolError, ResponseReader, type AskedRequest } from '../src/response-reader.ts'
import { Progress } from '../src/waits.ts'

const GET: AskedRequest = { method: 'GET', version: '1.1' }
const HEAD: AskedRequest = { method: 'HEAD', version: '1.1' }
const OLD: AskedRequest = { method: 'GET', version: '1.0' }

/** How a connection is fed to the reader. */
const FEEDINGS: Record<string, (bytes: Buffer) => Buffer[][]> = {
  whole: (bytes) => [[bytes]],
  'cut at every byte': (bytes) => Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]),
  'byte by byte': (bytes) => [Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))],
}

function read(asked: readonly AskedRequest[], parts: readonly Buffer[], end?: 'end' | 'reset') {
  const reader = new ResponseReader(new Progress())
  for (const request of asked) reader.expect(request)
  for (const part of parts) reader.feed(part, 0)
  if (end !== undefined) reader.close(end)
  return reader.responses
}

interface Good {
  readonly asked: AskedRequest[]
  readonly bytes: string
  readonly end?: 'end' | 'reset'
  /** Status, framing, body and end of each answer. */
  readonly answers: [number, string, string, string | undefined][]
}

const GOOD: Record<string, Good> = {
  'a body with a length': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody',
    answers: [[200, 'length', 'body', 'complete']],
  },
  'a body of no length': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    answers: [[200, 'length', '', 'complete']],
  },
  'a chunked body': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nA\r\n0123456789\r\n0\r\n\r\n',
    answers: [[200, 'chunked', 'body0123456789', 'complete']],
  },
  'a body until the connection ends': {
    asked: [OLD],
    bytes: 'HTTP/1.1 200 OK\r\n\r\nbody',
    end: 'end',
    answers: [[200, 'close', 'body', 'complete']],
  },
  'a chunked body without its end': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n',
    end: 'end',
    answers: [[200, 'chunked', 'body', 'truncated']],
  },
  'a chunk without its end': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo',
    end: 'reset',
    answers: [[200, 'chunked', 'bo', 'reset']],
  },
  'a body shorter than its length': {
    asked: [GET],
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody',
    end: 'end',
    answers: [[200, 'length', 'body', 'truncated']],
  },
  'a body until a reset': {
    asked: [OLD],
    bytes: 'HTTP/1.0 200 OK\r\n\r\nbody',
    end: 'reset',
    answers: [[200, 'close', 'body', 'reset']],
  },
  'an answer to HEAD': {
    asked: [HEAD],
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n',
    answers: [[200, 'none', '', 'complete']],
  },
  '204 and 304': {
    asked: [GET, GET],
    bytes: 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n',
    answers: [
      [204, 'none', '', 'complete'],
      [304, 'none', '', 'complete'],
    ],
  },
  'an interim response before the answer': {
    asked: [GET],
    bytes: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody',
    answers: [[200, 'length', 'body', 'complete']],
  },
  'pipelined answers': {
    asked: [GET, HEAD, GET],
    bytes:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
      'HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nthree',
    answers: [
      [200, 'chunked', 'one', 'complete'],
      [200, 'none', '', 'complete'],
      [404, 'length', 'three', 'complete'],
    ],
  },
}

const OK = 'HTTP/1.1 200 OK\r\n'

const BAD: Record<string, string> = {
  'a bare LF': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n',
  'no status line': 'HTTP/2 200 OK\r\n\r\n',
  'a field name with a space': `${OK}content-length : 0\r\n\r\n`,
  'a folded field': `${OK}x: a\r\n b\r\n\r\n`,
  'a control in a field value': `${OK}x: a\x01b\r\n\r\n`,
  'both lengths': `${OK}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`,
  'the length twice': `${OK}Content-Length: 4\r\nContent-Length: 4\r\n\r\n`,
  'a length that is no number': `${OK}Content-Length: +4\r\n\r\n`,
  'another coding than chunked': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  'chunked coding of a 204': 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
  'a chunk size that is no number': `${OK}Transfer-Encoding: chunked\r\n\r\nx\r\n`,
  'a chunk size in another notation': `${OK}Transfer-Encoding: chunked\r\n\r\n0x4\r\n`,
  'a chunk extension': `${OK}Transfer-Encoding: chunked\r\n\r\n4;a=b\r\nbody\r\n`,
  'a chunk that is longer than its size': `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nbody\r\n`,
  'a trailer': `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n`,
  'bytes after the body': `${OK}Content-Length: 4\r\n\r\nbodyHTTP`,
  'an answer after the last one': `${OK}Connection: close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`,
}

describe.each(Object.entries(FEEDINGS))('fed %s', (_how, feedings) => {
  test.each(Object.entries(GOOD))('%s is read', (_what, { asked, bytes, end, answers }) => {
    for (const parts of feedings(Buffer.from(bytes, 'latin1'))) {
      const responses = read(asked, parts, end)
      expect(responses.map((each) => [each.status, each.framing, each.text, each.end])).toEqual(answers)
    }
  })

  test.each(Object.entries(BAD))('%s is refused', (_what, bytes) => {
    for (const parts of feedings(Buffer.from(bytes, 'latin1'))) {
      expect(() => read([GET], parts)).toThrow(ProtocolError)
    }
  })
})

test('chunked coding is refused for an HTTP/1.0 client', () => {
  const bytes = Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n`)
  expect(() => read([OLD], [bytes])).toThrow(ProtocolError)
})

test('transfer chunks are told by their sizes, whatever the reads', () => {
  const bytes = Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n`)
  const [response] = read([GET], [bytes.subarray(0, -9), bytes.subarray(-9)])
  expect(response!.chunkSizes).toEqual([3, 5])
})

test('field lines of one name are joined, and names are in lower case', () => {
  const [response] = read([GET], [Buffer.from(`${OK}Vary: a\r\nVARY:b\r\nContent-Length: 0\r\n\r\n`)])
  expect(response!.field('vary')).toBe('a, b')
  expect(response!.field('etag')).toBeUndefined()
})

test('bodies that are consumed are not kept', () => {
  let consumed = ''
  const reader = new ResponseReader(new Progress(), (bytes) => (consumed += bytes.toString()))
  reader.expect(GET)
  reader.feed(Buffer.from(`${OK}Content-Length: 4\r\n\r\nbody`), 0)
  expect(consumed).toBe('body')
  expect(reader.responses[0]!.pieces).toEqual([])
  expect(reader.responses[0]!.bodyBytes).toBe(4)
})
