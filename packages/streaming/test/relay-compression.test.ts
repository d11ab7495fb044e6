import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import fastifyCompress from '@fastify/compress'
import { serve } from '@hono/node-server'
import compression from 'compression'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { Journal, type RunningHost } from '@catzilla/testkit'
import { relay } from '@catzilla/streaming'
import { streaming } from '@catzilla/streaming/express'
import { streaming as fastifyStreaming } from '@catzilla/streaming/fastify'
import { send } from '@catzilla/streaming/hono'
import { expect, onTestFinished, test } from 'vitest'
import { running } from './hosts/hosts.ts'

/** An upstream whose answer is in the hands of the test. */
async function upstream(contentType: string) {
  const journal = new Journal()
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': contentType }).flushHeaders()
    journal.note('asked', res)
  })
  const { port } = await running((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { answer: () => fetch(`http://127.0.0.1:${port}/`), asked: () => journal.first<ServerResponse>('asked') }
}

const HOSTS: Record<string, (answer: () => Promise<Response>) => Promise<RunningHost>> = {
  'Express under compression': (answer) => {
    const app = express()
    app.use(compression({ threshold: 0 }), streaming())
    app.get('/', async (_req, res) => void res.stream(relay(await answer())))
    return running((listening) => app.listen(0, '127.0.0.1', listening))
  },
  'Fastify under @fastify/compress': async (answer) => {
    const app = fastify({ forceCloseConnections: true })
    await app.register(fastifyStreaming)
    await app.register(fastifyCompress, { threshold: 0 })
    app.get('/', async (_request, reply) => reply.stream(relay(await answer())))
    return running((listening) => {
      app.listen({ port: 0, host: '127.0.0.1' }, listening)
      return app.server
    })
  },
  'Hono under compress': (answer) => {
    const app = new Hono()
    app.use(compress({ threshold: 0 }))
    app.get('/', async (c) => send(c, relay(await answer())))
    return running((listening) => serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening))
  },
}

/** Asks as a browser does; gives the answer, and its text as it comes. */
async function ask({ port, close }: RunningHost) {
  const gone = new AbortController()
  onTestFinished(async () => {
    gone.abort()
    await close()
  })
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { 'accept-encoding': 'gzip, br' },
    signal: gone.signal,
  })
  return { response, reader: response.body!.pipeThrough(new TextDecoderStream()).getReader() }
}

test.each(Object.entries(HOSTS))('%s, an event stream is relayed event by event', async (_name, start) => {
  const { answer, asked } = await upstream('text/event-stream')
  const { response, reader } = await ask(await start(answer))
  expect(response.headers.get('content-encoding')).toBeNull()
  const res = await asked()
  for (const data of ['first', 'second']) {
    res.write(`data: ${data}\n\n`)
    expect((await reader.read()).value).toBe(`data: ${data}\n\n`)
  }
  res.end()
  expect((await reader.read()).done).toBe(true)
})

test('Express under compression, a text is compressed and relayed line by line', async () => {
  const { answer, asked } = await upstream('text/plain')
  const { response, reader } = await ask(await HOSTS['Express under compression']!(answer))
  const res = await asked()
  for (const line of ['{"first":1}\n', '{"second":2}\n']) {
    res.write(line)
    expect((await reader.read()).value).toBe(line)
  }
  expect(response.headers.get('content-encoding')).not.toBeNull()
  res.end()
  expect((await reader.read()).done).toBe(true)
})
