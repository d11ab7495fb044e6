import compress from 'koa-compress'
import Koa from 'koa'
import { gunzipSync } from 'node:zlib'
import { StreamingResponse } from '@catzilla/streaming'
import { streaming } from '@catzilla/streaming/koa'
import { EndlessSource, Journal, RawClient, ScriptedSource, until } from '@catzilla/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { running } from './hosts/hosts.ts'

/** With this, zlib ends what it was told to flush. */
const SYNC_FLUSH = Buffer.from([0, 0, 0xff, 0xff])

/** Serves what `define` makes of an application, and notes the errors that it reports. */
async function serve(define: (app: Koa) => void) {
  const app = new Koa()
  const journal = new Journal()
  app.on('error', (error: Error) => journal.note('error', error.message))
  define(app)
  const host = await running((listening) => app.listen(0, '127.0.0.1', listening))
  onTestFinished(() => host.close())
  return { port: host.port, url: `http://127.0.0.1:${host.port}`, journal }
}

test('status and fields that are set on ctx are kept, also behind next()', async () => {
  const { url } = await serve((app) => {
    app.use(async (ctx, next) => {
      await next()
      ctx.set('x-behind', ctx.type)
    })
    app.use(streaming())
    app.use((ctx) => {
      ctx.status = 201
      ctx.set('x-page', '1')
      ctx.cookies.set('a', '1')
      ctx.vary('origin')
      ctx.body = new StreamingResponse(['a,b'], { headers: { 'set-cookie': 'b=2', vary: 'accept' } })
      ctx.type = 'csv'
    })
  })
  const response = await fetch(url)
  expect(await response.text()).toBe('a,b')
  expect(response.status).toBe(201)
  const { headers } = response
  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect([headers.get('x-page'), headers.get('x-behind')]).toEqual(['1', 'text/csv'])
  expect(headers.getSetCookie()).toEqual(['a=1; path=/; httponly', 'b=2'])
  expect(headers.get('vary')).toMatch(/origin.*accept/i)
})

test('a body that is no streaming response stays what it is', async () => {
  const { url } = await serve((app) => {
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = { plain: true }
    })
  })
  const response = await fetch(url)
  expect(await response.json()).toEqual({ plain: true })
})

test('an early failure can be caught by middleware', async () => {
  const { url, journal } = await serve((app) => {
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.status = 503
        ctx.body = { sorry: (error as Error).message }
      }
    })
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse([Promise.reject(new Error('early'))])
    })
  })
  const response = await fetch(url)
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({ sorry: 'early' })
  expect(journal.events).toEqual([])
})

test('an early failure that nobody catches is reported and answered by Koa', async () => {
  const { url, journal } = await serve((app) => {
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse(() => {
        throw undefined
      })
    })
  })
  const response = await fetch(url)
  expect(response.status).toBe(500)
  await response.text()
  expect(await journal.first('error')).toContain('which is no error')
})

test('a late failure is reported, once, with its error', async () => {
  const { url, journal } = await serve((app) => {
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse(function* () {
        yield 'before'
        throw new Error('late')
      })
    })
  })
  const response = await fetch(url)
  await expect(response.text()).rejects.toThrow()
  expect(await journal.first('error')).toBe('late')
  expect(journal.times('error')).toBe(1)
})

test('a client that leaves is no error', async () => {
  const source = new EndlessSource()
  const { port, journal } = await serve((app) => {
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse(source.sync()).after(source.journal.noting('after'))
    })
  })
  const client = await RawClient.connect(port, { consume: () => {} })
  await client.get()
  client.reset()
  expect(await source.journal.first('after')).toMatchObject({ outcome: 'client-abort' })
  await new Promise(setImmediate) // Koa has heard of the broken response by now.
  expect(journal.events).toEqual([])
})

test('middleware outside may put another body in place: the source is released', async () => {
  const script = new ScriptedSource('never sent')
  const { url } = await serve((app) => {
    app.use(async (ctx, next) => {
      await next()
      ctx.body = 'closed for today'
    })
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse(script)
    })
  })
  const response = await fetch(url)
  expect(await response.text()).toBe('closed for today')
  await script.journal.first('return')
})

test('under koa-compress each item arrives before the next is made', async () => {
  const script = new ScriptedSource('first ')
  const { port } = await serveCompressed(script)
  const client = await RawClient.connect(port)
  const response = await client.get('/', { fields: { 'accept-encoding': 'gzip' } })
  expect(response.field('content-encoding')).toBe('gzip')
  await until(() => response.bytes.includes(SYNC_FLUSH), 'the first item should be flushed')
  script.give('second')
  script.end()
  await response.ended()
  expect(gunzipSync(response.bytes).toString()).toBe('first second')
  client.leave()
})

test('under koa-compress a late failure breaks the body', async () => {
  const script = new ScriptedSource('before')
  const { port, journal } = await serveCompressed(script)
  const client = await RawClient.connect(port)
  const response = await client.get('/', { fields: { 'accept-encoding': 'gzip' } })
  script.fail(new Error('late'))
  await response.broken()
  expect(await journal.first('error')).toBe('late')
})

/** Serves a source with koa-compress in front. */
function serveCompressed(source: ScriptedSource) {
  return serve((app) => {
    app.use(compress({ threshold: 0 }))
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new StreamingResponse(source)
    })
  })
}
