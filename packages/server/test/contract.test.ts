import { catzilla, type TransportName } from '@catzilla/server'
import { describeStreamContract, EVERYTHING, type Routes, type RunningHost } from '@catzilla/testkit'
import { silent } from './suite/silent.ts'
import { transports } from './suite/transports.ts'

for (const transport of transports) {
  describeStreamContract(`the ${transport} transport`, { start: (routes) => start(transport, routes), can: EVERYTHING })
}

async function start(transport: TransportName, routes: Routes): Promise<RunningHost> {
  const app = catzilla({ transport, logger: silent })
  for (const [path, route] of Object.entries(routes)) app.all(path, route)
  const { port } = await app.listen({ host: '127.0.0.1' })
  return { port, close: (options) => app.close(options), stats: () => app.stats() }
}
