import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { sendInMemory, within, type MemoryOptions } from '@catzilla/testkit'
import { relay, type RelayOptions, type RelayUpstream } from '@catzilla/streaming'

const loopTurn = () => new Promise(setImmediate)
const bytes = (length: number) => new Uint8Array(length).fill(120)

/** A stream in the hands of the test. */
function held(options?: { highWaterMark: number }) {
  let controller!: ReadableStreamDefaultController<string | Uint8Array>
  const pulled = vi.fn<() => void>()
  const cancelled = vi.fn<(reason?: unknown) => void>()
  const stream = new ReadableStream<string | Uint8Array>(
    { start: (given) => void (controller = given), pull: pulled, cancel: cancelled },
    { highWaterMark: 0, ...options },
  )
  return { stream, controller, pulled, cancelled }
}

/** A server that answers every request so, and its address. */
async function upstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** The head that a client would get. */
function headOf(given: RelayUpstream, options?: RelayOptions) {
  const { head } = sendInMemory(relay(given, options))
  const { status, contentLength, fields } = head!
  return { status, contentLength, fields: Object.fromEntries(fields) }
}

async function bodyBytes(given: RelayUpstream, options?: RelayOptions): Promise<Buffer> {
  const exchange = sendInMemory(relay(given, options))
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  return Buffer.concat(exchange.sink.frames.map((frame) => Buffer.from(frame as string)))
}

describe('the head', () => {
  test.each([200, 201, 402, 429, 500, 503])('a status of %d goes on', (status) => {
    expect(headOf(new Response('x', { status })).status).toBe(status)
  })

  test('fields that concern the client go on, with the type', () => {
    const headers = {
      'content-type': 'application/json',
      'retry-after': '7',
      'x-request-id': '42',
      link: '</a>; rel=next',
    }
    expect(headOf(new Response('{}', { headers })).fields).toEqual(headers)
  })

  test('what concerns the connection, the other server or its site does not', () => {
    const headers = {
      connection: 'close, X-Hop',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'proxy-authenticate': 'Basic',
      'proxy-connection': 'close',
      te: 'trailers',
      trailer: 'x-sum',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      date: 'Sun, 06 Nov 1994 08:49:37 GMT',
      server: 'other',
      'alt-svc': 'h3=":443"',
      'strict-transport-security': 'max-age=1',
      nel: '{}',
      'report-to': '{}',
      'reporting-endpoints': 'a="b"',
      'clear-site-data': '"*"',
      'set-cookie': 'session=1',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'x',
      'x-kept': '1',
    }
    expect(headOf(new Response('x', { headers: { ...headers, 'content-type': 'text/css' } })).fields).toEqual({
      'content-type': 'text/css',
      'x-kept': '1',
    })
  })

  test('the fields of a real answer over HTTP are fit to be sent', async () => {
    const url = await upstream((_req, res) =>
      res.setHeader('x-own', '1').setHeader('content-type', 'text/plain').end('body'),
    )
    expect(headOf(await fetch(url))).toEqual({
      status: 200,
      contentLength: 4,
      fields: { 'content-type': 'text/plain', 'x-own': '1' },
    })
  })

  test('options come before what the upstream says', () => {
    const response = new Response('x', {
      status: 500,
      headers: { 'content-type': 'text/html', etag: '"1"', vary: 'origin' },
    })
    const headers = { etag: '"2"', 'set-cookie': 'ours=1', 'access-control-allow-origin': '*' }
    expect(headOf(response, { status: 502, contentType: 'text/plain', headers })).toMatchObject({
      status: 502,
      fields: { ...headers, vary: 'origin', 'content-type': 'text/plain' },
    })
  })

  test('an option that is undefined leaves it to the upstream', () => {
    const options = { status: undefined, contentType: undefined, head: undefined } as unknown as RelayOptions
    const response = new Response('x', { status: 404, headers: { 'content-type': 'text/css' } })
    expect(headOf(response, options)).toMatchObject({ status: 404, fields: { 'content-type': 'text/css' } })
  })

  test('headers of the options may be anything that gives pairs, also once', () => {
    const once = new Map([['x-own', '1']]).entries()
    expect(headOf(new Response(bytes(1)), { headers: once }).fields).toEqual({ 'x-own': '1' })
  })

  test('a type among the headers of the options comes first', () => {
    const response = new Response('x', { headers: { 'content-type': 'text/html' } })
    expect(headOf(response, { headers: { 'Content-Type': 'text/css' } }).fields).toEqual({ 'content-type': 'text/css' })
  })

  test('where nobody says a type, none is sent', () => {
    expect(headOf(new Response(bytes(1))).fields).toEqual({})
  })

  test('a bare stream has the type of every stream', () => {
    expect(headOf(held().stream).fields).toEqual({ 'content-type': 'text/plain; charset=utf-8' })
  })

  test('it leaves at once, or with the body where that is asked for', async () => {
    const eager = sendInMemory(relay(held().stream))
    const waiting = sendInMemory(relay(held().stream, { head: 'first-item' }))
    await loopTurn()
    expect(eager.sink.calls).toEqual(['flush'])
    expect(waiting.sink.calls).toEqual([])
    eager.sink.lose()
    waiting.sink.lose()
  })
})

describe('an event stream', () => {
  const type = 'text/event-stream; charset=utf-8'

  test('is kept from being collected on the way', () => {
    const live = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' }
    expect(headOf(new Response('', { headers: { 'content-type': type } })).fields).toMatchObject(live)
    expect(headOf(held().stream, { contentType: type }).fields).toMatchObject(live)
    expect(headOf(new Response('', { headers: { 'content-type': 'text/html' } })).fields).not.toHaveProperty(
      'cache-control',
    )
  })

  test('keeps what its upstream says of caches', () => {
    const headers = { 'content-type': type, 'cache-control': 'no-cache', 'x-accel-buffering': 'yes' }
    expect(headOf(new Response('', { headers })).fields).toMatchObject({
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'yes',
    })
    const settled = { 'content-type': type, 'cache-control': 'no-transform, no-cache' }
    expect(headOf(new Response('', { headers: settled })).fields['cache-control']).toBe('no-transform, no-cache')
  })
})

describe('content codings and lengths', () => {
  test('a length is kept and enforced', async () => {
    const fixed = (length: number) => new Response('four', { headers: { 'content-length': `${length}` } })
    expect(headOf(fixed(4)).contentLength).toBe(4)
    expect(await bodyBytes(fixed(4))).toEqual(Buffer.from('four'))
    for (const length of [3, 5]) {
      const exchange = sendInMemory(relay(fixed(length)))
      expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
    }
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('what fetch has decoded from %s goes on without the fields of the coded body', async (coding, encode) => {
    const url = await upstream((_req, res) => {
      const body = encode('the body')
      res.writeHead(200, {
        'content-type': 'text/plain',
        'content-encoding': coding,
        'content-length': body.length,
        'content-digest': 'sha-256=:AA==:',
        etag: '"strong"',
        vary: 'accept-encoding',
      })
      res.end(body)
    })
    const response = await fetch(url)
    expect(response.headers.get('content-encoding')).toBe(coding)
    const exchange = sendInMemory(relay(response))
    await exchange.end()
    expect(exchange.sink.text).toBe('the body')
    expect(exchange.head!.contentLength).toBeUndefined()
    const fields = Object.fromEntries(exchange.head!.fields)
    expect(fields).toEqual({ 'content-type': 'text/plain', etag: 'W/"strong"', vary: 'accept-encoding' })
  })

  test('zstd, which not every fetch decodes, arrives decoded or with the field that names it', async () => {
    const coded = Buffer.from('28b52ffd200529000068656c6c6f', 'hex') // One raw block (RFC 8878 §3.1): "hello".
    const url = await upstream((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'zstd' }).end(coded)
    })
    const exchange = sendInMemory(relay(await fetch(url)))
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    const named = Object.fromEntries(exchange.head!.fields)['content-encoding'] === 'zstd'
    const body = Buffer.concat(exchange.sink.frames.map((frame) => Buffer.from(frame as Uint8Array)))
    expect(body).toEqual(named ? coded : Buffer.from('hello'))
  })

  test('a coding that fetch does not know goes on with its bytes and its length', async () => {
    const body = Buffer.from([0xe2, 0x82, 0x00, 0xf0])
    const url = await upstream((_req, res) => {
      const fields = {
        'content-type': 'text/plain',
        'content-encoding': 'compress',
        'content-length': body.length,
        etag: '"1"',
      }
      res.writeHead(200, fields).end(body)
    })
    const exchange = sendInMemory(relay(await fetch(url)))
    await exchange.end()
    expect(Object.fromEntries(exchange.head!.fields)).toMatchObject({ 'content-encoding': 'compress', etag: '"1"' })
    expect(exchange.head!.contentLength).toBe(4)
    expect(exchange.sink.frames).toEqual([new Uint8Array(body)])
  })
})

describe('answers without a body', () => {
  test.each([204, 205, 304])('%d', async (status) => {
    const exchange = sendInMemory(relay(new Response(null, { status, headers: { etag: '"1"' } })))
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.head).toMatchObject({ status, fields: [['etag', '"1"']] })
    expect(exchange.sink.calls).toEqual(['end'])
  })

  test('an empty one ends well', async () => {
    expect(await bodyBytes(new Response(null))).toEqual(Buffer.alloc(0))
  })

  test('HEAD gets the head, and the body is cancelled', async () => {
    const { stream, cancelled } = held()
    const headers = { 'content-type': 'text/plain', 'content-length': '4' }
    const exchange = sendInMemory(relay(new Response(stream as ReadableStream<Uint8Array>, { headers })), {
      method: 'HEAD',
    })
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.head).toMatchObject({ contentLength: 4, fields: [['content-type', 'text/plain']] })
    expect(exchange.sink.calls).toEqual(['end'])
    expect(cancelled).toHaveBeenCalledOnce()
  })

  test('the answer to a HEAD upstream goes on for HEAD', async () => {
    const url = await upstream((_req, res) => res.setHeader('content-length', 1_000).end())
    const exchange = sendInMemory(relay(await fetch(url, { method: 'HEAD' })), { method: 'HEAD' })
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.head!.contentLength).toBe(1_000)
  })
})

describe('the body', () => {
  test('a chunk goes on in the turn in which it came', async () => {
    const { stream, controller } = held()
    const exchange = sendInMemory(relay(stream))
    await loopTurn()
    for (const chunk of ['one', 'two']) {
      controller.enqueue(Buffer.from(chunk))
      await loopTurn()
      expect(exchange.sink.text.endsWith(chunk)).toBe(true)
    }
    controller.close()
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.sink.calls).toEqual(['flush', 'write 3', 'flush', 'write 3', 'flush', 'end'])
  })

  test.each(['application/octet-stream', 'text/plain'])('large chunks of %s are not copied', async (contentType) => {
    const chunks = [bytes(64 * 1024), bytes(16 * 1024), bytes(100_000)]
    const exchange = sendInMemory(
      relay(new Response(ReadableStream.from(chunks), { headers: { 'content-type': contentType } })),
    )
    await exchange.end()
    expect(exchange.sink.frames).toHaveLength(3)
    for (const [i, chunk] of chunks.entries()) expect(exchange.sink.frames[i]).toBe(chunk)
  })

  const EURO = Buffer.from('€')
  const CUT = [EURO.subarray(0, 2), Buffer.concat([EURO.subarray(2), EURO.subarray(0, 1)]), EURO.subarray(1)]

  /** The frame that each chunk made. */
  async function framesOf(contentType: string | undefined): Promise<unknown[]> {
    const { stream, controller } = held()
    const init = contentType === undefined ? {} : { headers: { 'content-type': contentType } }
    const exchange = sendInMemory(relay(new Response(stream as ReadableStream<Uint8Array>, init)))
    for (const chunk of CUT) {
      controller.enqueue(chunk)
      await loopTurn()
    }
    controller.close()
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    return exchange.sink.frames.map((frame) => Buffer.from(frame as Uint8Array).toString('hex'))
  }

  test.each([
    'text/event-stream',
    'text/html; charset=UTF-8',
    'text/plain;charset="utf-8"',
    'application/json',
    'application/problem+json',
    'application/x-ndjson',
    'application/jsonl',
    'application/json-seq',
    'application/xml',
    'image/svg+xml',
    'application/javascript',
  ])('frames of %s end between characters', async (contentType) => {
    const euro = EURO.toString('hex')
    expect(await framesOf(contentType)).toEqual([euro, euro])
  })

  test.each([
    'application/octet-stream',
    'image/png',
    'text/plain; charset=utf-16le',
    'text/html; charset=latin1',
    undefined,
  ])('frames of %s are the chunks', async (contentType) => {
    expect(await framesOf(contentType)).toEqual(CUT.map((chunk) => chunk.toString('hex')))
  })

  test('a text that ends within a character is passed on with what there is of it', async () => {
    expect(await bodyBytes(ReadableStream.from([Buffer.from('a'), EURO.subarray(0, 2)]))).toEqual(
      Buffer.concat([Buffer.from('a'), EURO.subarray(0, 2)]),
    )
  })

  test('strings are sent as UTF-8', async () => {
    expect(await bodyBytes(ReadableStream.from(['a\ud83d', '\ude00']))).toEqual(Buffer.from('a😀'))
  })
})

describe('ends', () => {
  test('a client that leaves cancels the upstream at once, while it is silent', async () => {
    const { stream, cancelled } = held()
    const exchange = sendInMemory(relay(stream))
    await loopTurn()
    exchange.sink.lose()
    expect(cancelled).toHaveBeenCalledOnce()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
  })

  test('a client that has left before cancels the upstream', async () => {
    const { stream, cancelled } = held()
    const exchange = sendInMemory(relay(stream), { lost: true })
    expect(cancelled).toHaveBeenCalledOnce()
    await exchange.end()
  })

  test('an upstream that fails breaks the body off behind what came before', async () => {
    const { stream, controller } = held()
    const exchange = sendInMemory(relay(stream))
    const failure = new Error('reset')
    controller.enqueue('before')
    await loopTurn()
    controller.error(failure)
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: failure })
    expect(exchange.sink.text).toBe('before')
    expect(exchange.sink.aborted).toEqual({ reason: failure })
    expect(exchange.sink.ended).toBe(false)
  })

  test('an upstream that breaks within its length is no clean end', async () => {
    const url = await upstream((_req, res) => {
      res.writeHead(200, { 'content-length': 100 }).write('before', () => res.destroy())
    })
    const exchange = sendInMemory(relay(await fetch(url)))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error' })
    expect(exchange.sink.ended).toBe(false)
  })

  test('with a head that waits, an upstream that breaks first leaves the answer to the host', async () => {
    const { stream, controller } = held()
    const exchange = sendInMemory(relay(stream, { head: 'first-item' }))
    controller.error(new Error('reset'))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
  })
})

test('a reader that stands still stops the upstream', async () => {
  let made = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        made++
        controller.enqueue(bytes(16 * 1024))
      },
    },
    { highWaterMark: 0 },
  )
  const room: MemoryOptions = { room: 64 * 1024 }
  const exchange = sendInMemory(relay(stream), room)
  for (let i = 0; i < 20; i++) await loopTurn()
  expect(made).toBe(4)
  exchange.sink.drain()
  for (let i = 0; i < 20; i++) await loopTurn()
  expect(made).toBe(8)
  exchange.sink.lose()
})

describe('what cannot be relayed', () => {
  const UPSTREAM = expect.objectContaining({ code: 'CZ_RELAY_UPSTREAM' }) as Error

  test.each([undefined, null, 'text', bytes(1), {}, { body: null }, new Blob(['x'])])('%o', (given) => {
    expect(() => relay(given as unknown as Response)).toThrow(UPSTREAM)
  })

  test('a promise, and what to do', () => {
    expect(() => relay(Promise.resolve() as unknown as Response)).toThrow('await it first')
  })

  test('a body that was read, or has another reader', async () => {
    const read = new Response('x')
    await read.text()
    expect(() => relay(read)).toThrow(UPSTREAM)
    const locked = new Response('x')
    locked.body!.getReader()
    expect(() => relay(locked)).toThrow(UPSTREAM)
    expect(() => relay(locked.body!)).toThrow(UPSTREAM)
  })

  test('a body that was read between relay() and its sending', async () => {
    const response = new Response('x')
    const relayed = relay(response)
    await response.text()
    const exchange = sendInMemory(relayed)
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: UPSTREAM, committed: false })
  })

  test('one relay for two requests: the first goes on', async () => {
    const { stream, controller, cancelled } = held()
    const relayed = relay(stream)
    const first = sendInMemory(relayed)
    const second = sendInMemory(relayed)
    expect(await second.end()).toMatchObject({ error: UPSTREAM, committed: false })
    controller.enqueue('body')
    controller.close()
    expect(await first.end()).toMatchObject({ outcome: 'completed' })
    expect(cancelled).not.toHaveBeenCalled()
  })

  test('one relay for HEAD and then GET: its body is gone', async () => {
    const relayed = relay(held().stream)
    expect(await sendInMemory(relayed, { method: 'HEAD' }).end()).toMatchObject({ outcome: 'completed' })
    expect(await sendInMemory(relayed).end()).toMatchObject({ error: UPSTREAM, committed: false })
  })

  test('a response without a status of its own', () => {
    expect(() => relay(Response.error())).toThrow(expect.objectContaining({ code: 'CZ_HEAD_STATUS' }) as Error)
  })

  test.each(['encode', 'tail', 'encoder', 'heartbeat', 'bogus'])('an option %s', (name) => {
    const code = expect.objectContaining({ code: 'CZ_STREAM_OPTION' }) as Error
    expect(() => relay(new Response(''), { [name]: () => '' })).toThrow(code)
    const unset = { [name]: undefined }
    if (name !== 'bogus') expect(() => relay(new Response(''), unset)).not.toThrow()
  })
})

test('what is relayed lives on when its Response is forgotten', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const url = await upstream((_req, res) => void setTimeout(() => res.end('late'), 100))
  const relayed = relay(await fetch(url))
  gc()
  await loopTurn()
  gc()
  const exchange = sendInMemory(relayed)
  expect(await within(exchange.end(), 'the end')).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('late')
})
