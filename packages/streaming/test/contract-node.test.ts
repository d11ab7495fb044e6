import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeStreamContract, EVERYTHING, RoutedResponse, type Routes, type RunningHost } from '@catzilla/testkit'
import { send } from '@catzilla/streaming/node'

describeStreamContract('node:http', {
  start,
  can: {
    ...EVERYTHING,
    oneAtATime: 'node:http starts pipelined requests side by side',
    shutdown: 'the server is not ours to close, and keeps no register of its streams',
  },
})

async function start(routes: Routes): Promise<RunningHost> {
  let activeStreams = 0
  const server = createServer(async (req, res) => {
    const route = routes[new URL(req.url!, 'http://localhost').pathname]!
    activeStreams++
    try {
      await send(req, res, new RoutedResponse(route))
    } catch (error) {
      const { status = 500 } = error as { status?: number }
      res.writeHead(status).end()
    }
    activeStreams--
  })
  Object.assign(server, { httpAllowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
    stats: () => ({ activeStreams }),
  }
}
