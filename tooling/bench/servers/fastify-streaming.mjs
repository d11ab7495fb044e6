// Fastify with the adapter of @catzilla/streaming.
import { streaming } from '@catzilla/streaming/fastify'
import fastify from 'fastify'
import { listening } from './listening.mjs'
import { streams } from './streaming-sources.mjs'

const app = fastify()
await app.register(streaming)
for (const [path, open] of Object.entries(streams)) app.get(path, (request, reply) => reply.stream(open()))

await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server.address().port)
