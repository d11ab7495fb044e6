import { get } from 'node:http'
import compress from '@fastify/compress'
import fastify, { type FastifyInstance } from 'fastify'
import { StreamingResponse } from '@catzilla/streaming'
import { streaming } from '@catzilla/streaming/fastify'
import { EndlessSource, Journal, RawClient, ScriptedSource } from '@catzilla/testkit'
import { expect, onTestFinished, test } from 'vitest'

/** An application with the plugin, and what it has logged. */
async function application(define: (app: FastifyInstance) => void) {
  const logged: { level: number; msg: string }[] = []
  const stream = { write: (line: string) => void logged.push(JSON.parse(line)) }
  const app = fastify({ logger: { stream } })
  await app.register(streaming)
  define(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  const { port } = app.server.address() as { port: number }
  return { app, port, url: `http://127.0.0.1:${port}`, logged }
}

const WAYS: Record<string, (app: FastifyInstance, response: () => StreamingResponse<never>) => unknown> = {
  'reply.stream in a handler': (app, response) => app.get('/', (_request, reply) => void reply.stream(response())),
  'reply.stream returned': (app, response) => app.get('/', (_request, reply) => reply.stream(response())),
  'reply.stream returned from an async handler': (app, response) =>
    app.get('/', async (_request, reply) => reply.stream(response())),
  'a response returned': (app, response) => app.get('/', () => response()),
  'a response returned from an async handler': (app, response) => app.get('/', async () => response()),
  'a response sent': (app, response) => app.get('/', (_request, reply) => reply.send(response())),
}

for (const [way, define] of Object.entries(WAYS)) {
  test(`${way} is streamed`, async () => {
    const { url } = await application((app) => define(app, () => new StreamingResponse(['one', 'two'])))
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toBe('onetwo')
  })
}

test('status and fields of the reply are kept, and hooks run in their order', async () => {
  const journal = new Journal()
  const { url } = await application((app) => {
    for (const hook of ['onRequest', 'preHandler', 'onResponse'] as const) {
      app.addHook(hook, async () => journal.note(hook))
    }
    app.addHook('onSend', async (_request, reply) => {
      journal.note('onSend', reply.getHeader('content-type'))
      reply.header('x-hook', 'seen')
    })
    app.get('/', (_request, reply) => {
      reply.code(201).type('text/csv').header('x-page', '1').header('set-cookie', 'a=1').header('vary', 'origin')
      const headers = { 'set-cookie': ['b=2', 'c=3'], vary: 'accept' }
      return reply.stream(new StreamingResponse(['a,b'], { headers }).after(() => journal.note('after')))
    })
  })
  const response = await fetch(url)
  expect(await response.text()).toBe('a,b')
  expect(response.status).toBe(201)
  const { headers } = response
  expect(headers.get('content-type')).toBe('text/csv')
  expect([headers.get('x-page'), headers.get('x-hook'), headers.get('vary')]).toEqual(['1', 'seen', 'origin, accept'])
  expect(headers.getSetCookie()).toEqual(['a=1', 'b=2', 'c=3'])
  await journal.first('onResponse')
  expect(await journal.first('onSend')).toBe('text/csv')
  expect(journal.events.filter((event) => event !== 'after')).toEqual([
    'onRequest',
    'preHandler',
    'onSend',
    'onResponse',
  ])
})

test('a type of JSON that the handler has set is kept', async () => {
  const { url } = await application((app) =>
    app.get('/', (_request, reply) => reply.type('application/json').stream(new StreamingResponse(['{}']))),
  )
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  await response.text()
})

test('a hook may still change the status and the body', async () => {
  const { url } = await application((app) => {
    app.addHook('onSend', async (_request, reply) => {
      reply.code(503)
      return 'closed for today'
    })
    app.get('/', () => new StreamingResponse(new EndlessSource().sync()))
  })
  const response = await fetch(url)
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('closed for today')
})

test('an early failure goes through onError hooks and the error handler, which may answer anything', async () => {
  const journal = new Journal()
  const { url } = await application((app) => {
    app.addHook('onError', async (_request, _reply, error) => journal.note('onError', error.message))
    app.setErrorHandler((error: Error, _request, reply) => reply.code(503).send({ sorry: error.message }))
    app.get('/', (_request, reply) => {
      return reply.stream(new StreamingResponse([Promise.reject(new Error('early'))], { headers: { etag: '"1"' } }))
    })
  })
  const response = await fetch(url)
  expect(response.status).toBe(503)
  expect(response.headers.get('etag')).toBeNull()
  expect(await response.json()).toEqual({ sorry: 'early' })
  expect(await journal.first('onError')).toBe('early')
})

test('a hook that fails releases the source', async () => {
  const script = new ScriptedSource('never sent')
  const { url } = await application((app) => {
    app.addHook('onSend', async (request, _reply, payload) => {
      if (request.url === '/') throw new Error('the hook')
      return payload
    })
    app.setErrorHandler((_error, _request, reply) => void reply.raw.writeHead(500).end())
    app.get('/', () => new StreamingResponse(script))
  })
  const response = await fetch(url)
  expect(response.status).toBe(500)
  await script.journal.first('return')
})

test('a client that leaves is logged at info', async () => {
  const source = new EndlessSource()
  const { port, logged } = await application((app) =>
    app.get('/', () => new StreamingResponse(source.sync()).after(source.journal.noting('after'))),
  )
  const client = await RawClient.connect(port, { consume: () => {} })
  await client.get()
  client.reset()
  await source.journal.first('after')
  expect(logged.map(({ msg }) => msg)).toContain('stream closed prematurely')
  expect(Math.max(...logged.map(({ level }) => level))).toBe(30)
})

test('a stream that completes is logged as completed, and nothing else', async () => {
  const journal = new Journal()
  const { url, logged } = await application((app) => {
    app.addHook('onResponse', async () => journal.note('onResponse'))
    app.get('/', () => new StreamingResponse(['whole']))
  })
  const response = await fetch(url)
  expect(await response.text()).toBe('whole')
  await journal.first('onResponse')
  expect(logged.map(({ msg }) => msg).slice(1)).toEqual(['incoming request', 'request completed'])
})

test('a late failure is logged as a warning, with its error', async () => {
  const { url, logged } = await application((app) =>
    app.get('/', () => {
      return new StreamingResponse(function* () {
        yield 'before'
        throw new Error('late')
      })
    }),
  )
  const response = await fetch(url)
  await expect(response.text()).rejects.toThrow()
  expect(logged.filter(({ level }) => level > 30)).toMatchObject([{ level: 40, err: { message: 'late' } }])
})

test('trailers are sent', async () => {
  const { port } = await application((app) =>
    app.get('/', (_request, reply) => {
      reply.trailer('x-rows', async () => '2')
      return reply.stream(new StreamingResponse(['one', 'two']))
    }),
  )
  const trailers = await new Promise((resolve) => {
    get({ port, host: '127.0.0.1' }, (response) => {
      response.resume().on('end', () => resolve(response.trailers))
    })
  })
  expect(trailers).toEqual({ 'x-rows': '2' })
})

test('app.inject gets the whole body', async () => {
  const { app } = await application((app) => app.get('/', () => new StreamingResponse(['one', 'two'])))
  const { statusCode, body } = await app.inject('/')
  expect({ statusCode, body }).toEqual({ statusCode: 200, body: 'onetwo' })
})

/** An application with compression, as the plugin wants it registered. */
async function compressing(response: () => StreamingResponse<never>): Promise<string> {
  const app = fastify()
  await app.register(streaming)
  await app.register(compress, { threshold: 0 })
  app.get('/', response)
  onTestFinished(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}

test('under @fastify/compress a body arrives whole, without its declared length', async () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('')
  const headers = { 'content-length': lines.length }
  const url = await compressing(() => new StreamingResponse([lines], { headers }))
  const response = await fetch(url, { headers: { 'accept-encoding': 'gzip' } })
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect(response.headers.get('content-length')).toBeNull()
  expect((await response.text()) === lines).toBe(true)
})

test('under @fastify/compress, which cannot flush, a response that is not to be transformed is live', async () => {
  const script = new ScriptedSource('first ')
  const headers = { 'cache-control': 'no-store, no-transform' }
  const url = await compressing(() => new StreamingResponse(script, { headers }))
  const response = await fetch(url, { headers: { 'accept-encoding': 'gzip' } })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader.read()).value).toBe('first ')
  script.give('second')
  expect((await reader.read()).value).toBe('second')
  await reader.cancel()
})

test('under @fastify/compress a client that leaves ends the source, and a late failure breaks the body', async () => {
  const [source, script] = [new EndlessSource(), new ScriptedSource('before')]
  const responses = [new StreamingResponse(source.sync()), new StreamingResponse(script)]
  const url = await compressing(() => responses.shift()!)
  const gone = new AbortController()
  await fetch(url, { headers: { 'accept-encoding': 'gzip' }, signal: gone.signal })
  gone.abort()
  await source.journal.first('finally')
  const late = fetch(url, { headers: { 'accept-encoding': 'gzip' } }).then((response) => response.text())
  script.fail(new Error('late'))
  await expect(late).rejects.toThrow()
})
