import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { HttpError, reply } from '@catzilla/server'
import { StreamingResponse } from '@catzilla/streaming'
import type { Stage } from './stage.ts'

const TEXT = 'text/plain; charset=utf-8'

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

export function results({ serve }: Stage): void {
  /** Status, type and body of what a handler returns. */
  const answerTo = async (handler: () => unknown): Promise<[number, string | null, string]> => {
    const { fetch } = await serve((app) => app.get('/', handler))
    const response = await fetch('/')
    return [response.status, response.headers.get('content-type'), await response.text()]
  }

  const cases: Record<string, [handler: () => unknown, answer: [number, string | null, string]]> = {
    'a string is text': [() => 'añ€', [200, TEXT, 'añ€']],
    'an empty string is an empty text': [() => '', [200, TEXT, '']],
    'a promise of a string is text': [async () => 'later', [200, TEXT, 'later']],
    'a plain object is JSON': [() => ({ a: [1] }), [200, 'application/json', '{"a":[1]}']],
    'an object without a prototype is JSON': [() => Object.create(null), [200, 'application/json', '{}']],
    'an instance of a class is JSON': [() => new Point(1, 2), [200, 'application/json', '{"x":1,"y":2}']],
    'an array is JSON': [() => [1, 'two', null], [200, 'application/json', '[1,"two",null]']],
    'a date is JSON': [() => new Date(0), [200, 'application/json', '"1970-01-01T00:00:00.000Z"']],
    'a number is JSON': [() => 0, [200, 'application/json', '0']],
    'a boolean is JSON': [() => false, [200, 'application/json', 'false']],
    'null is 204': [() => null, [204, null, '']],
    'undefined is 204': [() => {}, [204, null, '']],
    'bytes are bytes': [() => Buffer.from('bytes'), [200, 'application/octet-stream', 'bytes']],
    'a view is its bytes': [
      () => new DataView(Buffer.from('xview').buffer.slice(0, 0)),
      [200, 'application/octet-stream', ''],
    ],
    'an ArrayBuffer is its bytes': [() => new Uint8Array([65, 66]).buffer, [200, 'application/octet-stream', 'AB']],
    'an iterator is a stream': [() => ['a', 'b'][Symbol.iterator](), [200, TEXT, 'ab']],
    'an iterable that is no array is a stream': [() => new Set(['a', 'b']), [200, TEXT, 'ab']],
    'an object with next() is a stream': [
      () => {
        const items = ['a', 'b']
        return { next: () => ({ done: items.length === 0, value: items.shift() }) }
      },
      [200, TEXT, 'ab'],
    ],
    'a Node Readable is a stream': [() => Readable.from(['a', 'b']), [200, TEXT, 'ab']],
    'a web stream is a stream': [() => new Blob(['ab']).stream(), [200, TEXT, 'ab']],
    'a function is a stream that is made when it starts': [() => () => ['a', 'b'].values(), [200, TEXT, 'ab']],
    'a Blob is sent with its type': [() => new Blob(['ab'], { type: 'text/css' }), [200, 'text/css', 'ab']],
    'a Blob without a type is bytes': [() => new Blob(['ab']), [200, 'application/octet-stream', 'ab']],
    'a promise of a stream is a stream': [async () => ['a'].values(), [200, TEXT, 'a']],
    'a StreamingResponse brings its own head': [
      () => new StreamingResponse(['a'], { status: 202, contentType: 'text/html' }),
      [202, 'text/html', 'a'],
    ],
    'a bigint is a fault': [() => 1n, [500, TEXT, 'Internal Server Error']],
    'a cycle is a fault': [
      () => {
        const cycle: Record<string, unknown> = {}
        cycle['cycle'] = cycle
        return cycle
      },
      [500, TEXT, 'Internal Server Error'],
    ],
    'a toJSON() that gives nothing is a fault': [
      () => ({ toJSON: () => undefined }),
      [500, TEXT, 'Internal Server Error'],
    ],
    'an error that is returned counts as thrown': [() => new HttpError(409), [409, TEXT, 'Conflict']],
    'a raw stream of objects is a fault': [() => [{ a: 1 }].values(), [500, TEXT, 'Internal Server Error']],
  }
  for (const [title, [handler, answer]] of Object.entries(cases)) {
    test(title, async () => expect(await answerTo(handler)).toEqual(answer))
  }

  test('a generator function is a handler', async () => {
    const { fetch } = await serve((app) => {
      app.get('/sync/:n', function* (req) {
        for (let i = 0; i < Number(req.params.n); i++) yield `${i} `
      })
      app.get('/async', async function* () {
        yield 'a'
        yield Buffer.from('b')
      })
    })
    expect(await (await fetch('/sync/3')).text()).toBe('0 1 2 ')
    expect(await (await fetch('/async')).text()).toBe('ab')
  })

  test('a whole answer has a Content-Length in bytes and no coding', async () => {
    const { connect } = await serve((app) => app.get('/', () => 'añ€'))
    const response = await (await connect()).get()
    expect([response.framing, response.field('content-length'), response.field('date')]).toEqual([
      'length',
      '6',
      expect.stringMatching(/ GMT$/),
    ])
  })

  test('an answer without a body has no Content-Length', async () => {
    const { connect } = await serve((app) => app.get('/', () => null))
    const client = await connect()
    const response = await client.get()
    expect([response.status, response.field('content-length'), response.keepsAlive]).toEqual([204, undefined, true])
    expect((await client.get()).status).toBe(204)
  })

  test('205 and 304 come without a body, and keep the connection', async () => {
    const { connect } = await serve((app) => {
      app.get('/205', () => reply('ignored', { status: 205 }))
      app.get('/304', () => reply('ignored', { status: 304, headers: { etag: '"1"' } }))
      app.get('/304/stream', () => new StreamingResponse(['ignored'], { status: 304 }))
      app.get('/205/stream', () => new StreamingResponse(['ignored'], { status: 205 }))
      app.get('/next', () => 'next')
    })
    const client = await connect()
    for (const path of ['/205', '/304', '/304/stream', '/205/stream']) {
      const response = await client.get(path)
      expect([response.status, await response.whole()]).toEqual([Number(path.slice(1, 4)), ''])
    }
    expect(await (await client.get('/next')).whole()).toBe('next')
  })

  test('a large answer arrives whole', async () => {
    const text = 'añ€'.repeat(1_000_000)
    const { fetch } = await serve((app) => app.get('/', () => text))
    expect((await (await fetch('/')).text()) === text).toBe(true)
  })

  test('reply() gives a result a status and fields', async () => {
    const { fetch } = await serve((app) => {
      app.get('/text', () =>
        reply('made', { status: 201, headers: { location: '/made', 'Content-Type': 'text/html' } }),
      )
      app.get('/json', () =>
        reply(
          { a: 1 },
          {
            headers: [
              ['set-cookie', 'a=1'],
              ['set-cookie', 'b=2'],
            ],
          },
        ),
      )
      app.get('/empty', () => reply(null, { headers: { 'x-a': '1' } }))
      app.get('/stream', () => reply(['a', 'b'].values(), { status: 202, headers: { 'x-a': '1' } }))
      app.get('/length', () => reply('three', { headers: { 'content-length': 3 } }))
    })
    const text = await fetch('/text')
    expect([text.status, text.headers.get('location'), text.headers.get('content-type')]).toEqual([
      201,
      '/made',
      'text/html',
    ])
    expect(await text.text()).toBe('made')
    const json = await fetch('/json')
    expect([json.headers.getSetCookie(), json.headers.get('content-type')]).toEqual([
      ['a=1', 'b=2'],
      'application/json',
    ])
    expect(await json.json()).toEqual({ a: 1 })
    const empty = await fetch('/empty')
    expect([empty.status, empty.headers.get('x-a')]).toEqual([204, '1'])
    const stream = await fetch('/stream')
    expect([stream.status, stream.headers.get('x-a'), await stream.text()]).toEqual([202, '1', 'ab'])
    expect(await (await fetch('/length')).text()).toBe('three')
  })

  test('reply() refuses fields that would split the answer, and a bad status', async () => {
    const { fetch } = await serve((app) => {
      app.get('/field', () => reply('', { headers: { 'x-a': 'b\r\nx-c: d' } }))
      app.get('/status', () => reply('', { status: 99 }))
    })
    const field = await fetch('/field')
    expect([field.status, field.headers.has('x-c')]).toEqual([500, false])
    expect((await fetch('/status')).status).toBe(500)
  })

  test('a date of the handler stands in for that of the server', async () => {
    const date = 'Thu, 01 Jan 1970 00:00:00 GMT'
    const { connect } = await serve((app) => app.get('/', () => reply('', { headers: { date } })))
    expect((await (await connect()).get()).field('date')).toBe(date)
  })

  test('a web Response is sent with status, fields, cookies and body', async () => {
    const { fetch } = await serve((app) => {
      app.get('/text', () => {
        const headers = new Headers({ 'x-a': '1' })
        headers.append('set-cookie', 'a=1')
        headers.append('set-cookie', 'b=2')
        return new Response('body', { status: 203, headers })
      })
      app.get('/json', async () => Response.json({ a: 1 }))
      app.get('/none', () => new Response(null, { status: 404 }))
      app.get('/redirect', () => Response.redirect('http://127.0.0.1/there', 303))
      app.get('/wire', () => new Response('x', { headers: { connection: 'close', 'transfer-encoding': 'chunked' } }))
    })
    const text = await fetch('/text')
    expect([text.status, text.headers.get('x-a'), text.headers.getSetCookie()]).toEqual([203, '1', ['a=1', 'b=2']])
    expect([await text.text(), text.headers.get('content-type')]).toEqual(['body', 'text/plain;charset=UTF-8'])
    expect(await (await fetch('/json')).json()).toEqual({ a: 1 })
    const none = await fetch('/none')
    expect([none.status, await none.text()]).toEqual([404, ''])
    const redirect = await fetch('/redirect', { redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([303, 'http://127.0.0.1/there'])
    expect(await (await fetch('/wire')).text()).toBe('x')
  })

  test('a Response that came from fetch() is passed on, without the coding that fetch() has undone', async () => {
    const zipped = Buffer.from('H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=', 'base64') // gzip of "abc"
    const upstream = await serve((app) =>
      app.get('/', () => reply(zipped, { headers: { 'content-encoding': 'gzip' } })),
    )
    const { fetch: ask } = await serve((app) => app.get('/', () => fetch(`http://127.0.0.1:${upstream.port}/`)))
    const response = await ask('/')
    expect([response.headers.get('content-encoding'), await response.text()]).toEqual([null, 'abc'])
  })

  test('a Response that was read already is a fault', async () => {
    const { fetch } = await serve((app) =>
      app.get('/', async () => {
        const response = new Response('read')
        await response.text()
        return response
      }),
    )
    expect((await fetch('/')).status).toBe(500)
  })
}
