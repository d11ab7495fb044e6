import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2, constants, createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { StreamingResponse } from '@catzilla/streaming'
import { send } from '@catzilla/streaming/node'
import { EndlessSource, Journal, RawClient, ScriptedSource } from '@catzilla/testkit'

const clearing: (() => unknown)[] = []
afterEach(async () => {
  for (const clear of clearing.splice(0)) await clear()
})

async function listen(server: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clearing.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

async function serve(listener: RequestListener, options: { halfOpen?: boolean } = {}): Promise<RawClient> {
  const server = createServer(listener)
  Object.assign(server, { httpAllowHalfOpen: options.halfOpen ?? false })
  const port = await listen(server)
  const client = await RawClient.connect(port)
  clearing.unshift(() => client.leave())
  return client
}

test('resolves with the end of the stream', async () => {
  const journal = new Journal()
  const client = await serve(
    (req, res) => void send(req, res, new StreamingResponse(['a'])).then(journal.noting('end')),
  )
  expect(await (await client.get()).whole()).toBe('a')
  expect(await journal.first('end')).toEqual({ outcome: 'completed', error: undefined, committed: true })
})

test('rejects with the error of a source that failed early, and leaves the answer to the host', async () => {
  const client = await serve((req, res) => {
    const response = new StreamingResponse(function* () {
      throw new Error('early')
    })
    send(req, res, response).catch((error: Error) => res.writeHead(418, { 'x-error': error.message }).end('sorry'))
  })
  const response = await client.get()
  expect([response.status, response.field('x-error'), await response.whole()]).toEqual([418, 'early', 'sorry'])
})

test('resolves when the client leaves before the first item: nobody is there to be answered', async () => {
  const journal = new Journal()
  const script = new ScriptedSource()
  const client = await serve(
    (req, res) => void send(req, res, new StreamingResponse(script)).then(journal.noting('end')),
  )
  client.request({})
  await script.journal.first('next')
  client.reset()
  expect(await journal.first('end')).toMatchObject({ outcome: 'client-abort', committed: false })
})

test('resolves when the stream broke off, with the error', async () => {
  const journal = new Journal()
  const client = await serve((req, res) => {
    const response = new StreamingResponse(async function* () {
      yield 'begun'
      throw new Error('late')
    })
    void send(req, res, response).then(journal.noting('end'))
  })
  expect(await (await client.get()).broken()).toBe('begun')
  const error = expect.objectContaining({ message: 'late' })
  expect(await journal.first('end')).toEqual({ outcome: 'source-error', error, committed: true })
})

test('a body that is through on our side is not completed before the client has it', async () => {
  const journal = new Journal()
  const bytes = new Uint8Array(64 * 1024 * 1024)
  const client = await serve(
    (req, res) => void send(req, res, new StreamingResponse(bytes)).then(journal.noting('end')),
  )
  const response = await client.get()
  await response.receivesBytes(1)
  client.reset()
  expect(await journal.first('end')).toMatchObject({ outcome: 'client-abort' })
})

test('a stream behind another answer hears that the connection broke', async () => {
  const journal = new Journal()
  const scripts = [new ScriptedSource('first'), new ScriptedSource('second')]
  const client = await serve((req, res) => {
    const script = scripts[Number(req.url!.slice(1))]!
    void send(req, res, new StreamingResponse(script)).then(() => journal.note(`end of ${req.url}`))
  })
  client.request({ path: '/0' }, { path: '/1' })
  await (await client.response()).receives('first')
  await scripts[1]!.journal.first('next')
  client.reset()
  await journal.first('end of /0')
  await journal.first('end of /1')
})

for (const highWaterMark of [1024, 1024 * 1024]) {
  test(`a mark of ${highWaterMark} bytes bounds what waits, whatever Node's own mark is`, async () => {
    const source = new EndlessSource()
    let response!: ServerResponse
    const client = await serve((req, res) => {
      response = res
      void send(req, res, new StreamingResponse(source.sync(), { highWaterMark }))
    })
    client.stall()
    client.request({})
    let last = -1
    while (source.produced !== last) {
      last = source.produced
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(response.writableLength).toBeGreaterThanOrEqual(highWaterMark)
    expect(response.writableLength).toBeLessThan(highWaterMark + 64 * 1024)
    client.resume()
    await source.journal.first('finally', 100).catch(() => {}) // It goes on: nothing ends it but the client.
    expect(source.produced).toBeGreaterThan(last)
  })
}

test('text of three bytes a character drains below the mark of Node', async () => {
  const client = await serve((req, res) => {
    const source = Array.from({ length: 1000 }, () => '€'.repeat(300))
    void send(req, res, new StreamingResponse(source.values(), { highWaterMark: 800 }))
  })
  expect((await (await client.get()).whole()).length).toBe(300_000)
})

test('fields that middleware has set are kept', async () => {
  const client = await serve((req, res) => {
    res.setHeader('x-before', 'kept')
    res.setHeader('set-cookie', ['session=1'])
    res.setHeader('vary', 'origin')
    const headers = { 'set-cookie': ['a=1', 'b=2'], vary: 'accept' }
    void send(req, res, new StreamingResponse(['body'], { headers }))
  })
  const { fields } = await client.get()
  const values = (name: string) => fields.filter(([each]) => each === name).map(([, value]) => value)
  expect(values('x-before')).toEqual(['kept'])
  expect(values('set-cookie')).toEqual(['session=1', 'a=1', 'b=2'])
  expect(values('vary').join(', ')).toBe('origin, accept')
})

test('middleware that replaces write() is heeded: its return value and its drain', async () => {
  const journal = new Journal()
  const source = new EndlessSource()
  const client = await serve((req, res) => {
    const buffer = bufferInFrontOf(res, journal)
    clearing.push(() => buffer.destroy())
    void send(req, res, new StreamingResponse(source.sync()))
  })
  client.stall()
  client.request({})
  await journal.first('full')
  let last = -1
  while (source.produced !== last) {
    last = source.produced
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  client.resume()
  const response = await client.response()
  await response.receivesBytes(last + 1)
})

test('middleware that holds bytes back is told to flush when the source goes quiet', async () => {
  const journal = new Journal()
  const script = new ScriptedSource('first')
  const client = await serve((req, res) => {
    Object.assign(res, { flush: () => journal.note('flush') })
    void send(req, res, new StreamingResponse(script))
  })
  await (await client.get()).receives('first')
  await journal.first('flush')
})

/** What the compression middleware does, without the compression. */
function bufferInFrontOf(res: ServerResponse, journal: Journal): PassThrough {
  const { write, on } = res
  const buffer = new PassThrough({ highWaterMark: 1000 })
  buffer.on('data', (bytes) => {
    if (!write.call(res, bytes, 'utf8')) buffer.pause()
  })
  on.call(res, 'drain', () => buffer.resume())
  return Object.assign(
    buffer,
    void Object.assign(res, {
      write(frame: string | Uint8Array) {
        const room = buffer.write(frame)
        if (!room) journal.note('full')
        return room
      },
      on(event: string, listener: () => void) {
        if (event === 'drain') buffer.on(event, listener)
        else on.call(res, event, listener)
        return res
      },
    }),
  )
}

test('FIN is loss where the server does not keep half-open connections', async () => {
  const journal = new Journal()
  const script = new ScriptedSource('begun')
  const client = await serve(
    (req, res) => void send(req, res, new StreamingResponse(script)).then(journal.noting('end')),
  )
  await (await client.get()).receives('begun')
  client.halfClose()
  expect(await journal.first('end')).toMatchObject({ outcome: 'client-abort' })
})

test('the url is that of the client where a mounted router has shortened it', async () => {
  const client = await serve((req, res) => {
    Object.assign(req, { originalUrl: req.url, url: '/short' })
    void send(req, res, new StreamingResponse((request) => [request.url]))
  })
  expect(await (await client.get('/mounted/short?a=1')).whole()).toBe('/mounted/short?a=1')
})

test('a stream goes through the compatibility API of HTTP/2, and a cancelled one ends', async () => {
  const journal = new Journal()
  const server = createHttp2Server((req, res) => {
    const endless = new EndlessSource()
    const source = req.url === '/endless' ? endless.sync() : ['over ', 'HTTP/2'].values()
    void send(req as never, res as never, new StreamingResponse(source)).then(journal.noting(`end of ${req.url}`))
  })
  const port = await listen(server)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  clearing.unshift(() => session.destroy())

  const whole = session.request({ ':path': '/whole' })
  let text = ''
  for await (const bytes of whole) text += String(bytes)
  expect(text).toBe('over HTTP/2')
  expect(await journal.first('end of /whole')).toMatchObject({ outcome: 'completed' })

  const endless = session.request({ ':path': '/endless' })
  await new Promise((resolve) => endless.once('data', resolve))
  endless.close(constants.NGHTTP2_CANCEL)
  expect(await journal.first('end of /endless')).toMatchObject({ outcome: 'client-abort' })
})

test('a failure resets the HTTP/2 stream, and leaves the others alone', async () => {
  const server = createHttp2Server((req, res) => {
    const source = async function* () {
      yield 'begun'
      if (req.url === '/fails') throw new Error('late')
    }
    void send(req, res, new StreamingResponse(source))
  })
  const session = connectHttp2(`http://127.0.0.1:${await listen(server)}`)
  clearing.unshift(() => session.destroy())

  const failing = session.request({ ':path': '/fails' })
  failing.resume()
  const error = await new Promise((resolve) => failing.once('error', resolve))
  expect(error).toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' })
  expect(failing.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)

  const fine = session.request({ ':path': '/fine' })
  let text = ''
  for await (const bytes of fine) text += String(bytes)
  expect(text).toBe('begun')
})
