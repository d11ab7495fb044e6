import { createServer as createHttp2Server } from 'node:http2'
import { createServer } from 'node:http'
import express from 'express'
import fastify, { type FastifyReply } from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { send as sendExpress, streaming as expressStreaming } from '@catzilla/streaming/express'
import { streaming as fastifyStreaming } from '@catzilla/streaming/fastify'
import { send as sendHono } from '@catzilla/streaming/hono'
import { send as sendHttp2 } from '@catzilla/streaming/http2'
import { streaming as koaStreaming } from '@catzilla/streaming/koa'
import { send } from '@catzilla/streaming/node'
import { toResponse } from '@catzilla/streaming/web'
import { expectTypeOf, test } from 'vitest'

const text = new StreamingResponse(['text'])
const objects = new StreamingResponse([{ id: 1 }], { encode: JSON.stringify })

test('node:http and node:http2 requests are taken, and how it ended is told', () => {
  createServer((req, res) => expectTypeOf(send(req, res, text)).toEqualTypeOf<Promise<StreamEnd>>())
  createHttp2Server((req, res) => expectTypeOf(send(req, res, objects)).toEqualTypeOf<Promise<StreamEnd>>())
  createHttp2Server().on('stream', (stream, headers) => {
    expectTypeOf(sendHttp2(stream, headers, text)).toEqualTypeOf<Promise<StreamEnd>>()
  })
  // @ts-expect-error: a generator is not a response
  createServer((req, res) => send(req, res, rows()))
})

test('Express has res.stream', () => {
  const app = express()
  app.use(expressStreaming())
  app.get('/rows/:id', (req, res) => {
    expectTypeOf(req.params.id).toEqualTypeOf<string>()
    expectTypeOf(res.status(201).stream(objects)).toEqualTypeOf<Promise<StreamEnd>>()
    expectTypeOf(sendExpress(req, res, text)).toEqualTypeOf<Promise<StreamEnd>>()
    // @ts-expect-error: a string is not a response
    void res.stream('text')
  })
})

test('Fastify has reply.stream, and takes a response from a handler', () => {
  const app = fastify()
  app.register(fastifyStreaming)
  app.get<{ Params: { id: string } }>('/rows/:id', (request, reply) => {
    expectTypeOf(request.params.id).toEqualTypeOf<string>()
    expectTypeOf(reply.code(201).stream(objects)).toExtend<FastifyReply>()
    // @ts-expect-error: a string is not a response
    reply.stream('text')
    return text
  })
  // @ts-expect-error: the plugin has no options
  app.register(fastifyStreaming, { compress: true })
})

test('Koa takes a response as its body', () => {
  const app = new Koa()
  app.use(koaStreaming())
  app.use((ctx) => {
    ctx.body = objects
  })
})

test('Hono answers with a Response', () => {
  const app = new Hono<{ Variables: { user: string } }>()
  app.get('/', (c) => {
    expectTypeOf(sendHono(c, text)).toEqualTypeOf<Promise<Response>>()
    return sendHono(c, objects)
  })
  app.get('/plain', (c) => toResponse(c.req.raw, text))
  // @ts-expect-error: a response is no context
  void sendHono(text, text)
})

test('a fetch handler gets a Response, at once or later', () => {
  const answer = toResponse(new Request('http://localhost'), objects)
  expectTypeOf(answer).toEqualTypeOf<Response | Promise<Response>>()
})

declare function rows(): Generator<string>
