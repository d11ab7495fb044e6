// Fastify with the adapter of @catzilla/streaming. SOURCE chooses what makes the items.
import { streaming } from '@catzilla/streaming/fastify'
import fastify from 'fastify'
import { HELLO } from './content.mjs'
import { listening } from './listening.mjs'
import { firstByte, itemsFrom } from './streaming-sources.mjs'

const app = fastify()
await app.register(streaming)

app.get('/hello', async (request, reply) => {
  reply.type('text/plain; charset=utf-8')
  return HELLO
})
app.get('/first-byte', (request, reply) => reply.stream(firstByte()))
app.get('/items', (request, reply) => reply.stream(itemsFrom(process.env.SOURCE)))

await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server.address().port)
