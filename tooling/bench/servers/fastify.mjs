import { Readable } from 'node:stream'
import fastify from 'fastify'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const TEXT = 'text/plain; charset=utf-8'

const app = fastify()

app.get('/hello', async (request, reply) => {
  reply.type(TEXT)
  return HELLO
})
app.get('/hello/:name', async (request, reply) => {
  reply.type(TEXT)
  return `${request.headers['x-greeting']}, ${request.params.name}!`
})
app.get('/first-byte', (request, reply) => reply.type(TEXT).send(Readable.from(first())))
app.get('/items', (request, reply) => reply.type(TEXT).send(Readable.from(items())))

await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server.address().port)
