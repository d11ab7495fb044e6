import fastify from 'fastify'
import { describeStreamContract, RoutedResponse } from '@catzilla/testkit'
import { streaming } from '@catzilla/streaming/fastify'
import { ON_NODE, runningHalfOpen } from './hosts/hosts.ts'

describeStreamContract('Fastify', {
  can: ON_NODE,
  start: async (routes) => {
    const app = fastify({ forceCloseConnections: false })
    await app.register(streaming)
    app.setErrorHandler((error: { status?: number }, _request, reply) => reply.code(error.status ?? 500).send('failed'))
    for (const [path, route] of Object.entries(routes)) {
      app.get(path, (_request, reply) => reply.stream(new RoutedResponse(route)))
    }
    return runningHalfOpen((listening) => {
      app.listen({ port: 0, host: '127.0.0.1' }, listening)
      return app.server
    })
  },
})
