import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { StreamingResponse } from '@catzilla/streaming'
import { send } from '@catzilla/streaming/hono'
import { ScriptedSource } from '@catzilla/testkit'
import { expect, test } from 'vitest'

test('status and fields that are set on c are kept', async () => {
  const app = new Hono()
  app.use(cors())
  app.get('/', (c) => {
    c.status(201)
    c.header('x-page', '1')
    c.header('content-type', 'text/csv')
    c.header('set-cookie', 'a=1', { append: true })
    return send(c, new StreamingResponse(['a,b'], { headers: { 'set-cookie': 'b=2' } }))
  })
  const response = await app.request('/')
  expect(response.status).toBe(201)
  const { headers } = response
  expect(headers.get('content-type')).toBe('text/csv')
  expect([headers.get('x-page'), headers.get('access-control-allow-origin')]).toEqual(['1', '*'])
  expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(await response.text()).toBe('a,b')
})

test('what the response says itself comes before what is set on c', async () => {
  const app = new Hono()
  app.get('/', (c) => {
    c.status(201)
    return send(c, new StreamingResponse(['<p>'], { status: 202, contentType: 'text/html' }))
  })
  const response = await app.request('/')
  expect(response.status).toBe(202)
  expect(response.headers.get('content-type')).toBe('text/html')
  await response.text()
})

test('an early failure goes to onError', async () => {
  const app = new Hono()
  app.onError((error, c) => c.text(error.message, 503))
  app.get('/', (c) => send(c, new StreamingResponse([Promise.reject(new Error('early'))])))
  const response = await app.request('/')
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('early')
})

test('HEAD does not start the source', async () => {
  const script = new ScriptedSource('never')
  const app = new Hono()
  app.get('/', (c) => send(c, new StreamingResponse(script)))
  const response = await app.request('/', { method: 'HEAD' })
  expect(response.body).toBeNull()
  await script.journal.first('return')
  expect(script.journal.times('next')).toBe(0)
})

test('compress() leaves alone what is not to be transformed', async () => {
  const script = new ScriptedSource('first')
  const app = new Hono()
  app.use(compress())
  app.get('/', (c) => send(c, new StreamingResponse(script, { headers: { 'cache-control': 'no-transform' } })))
  const response = await app.request('/', { headers: { 'accept-encoding': 'gzip' } })
  expect(response.headers.get('content-encoding')).toBeNull()
  const reader = response.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
  await reader.cancel()
  await script.journal.first('return')
})
