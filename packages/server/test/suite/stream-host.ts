import { catzilla, type TransportName } from '@catzilla/server'
import { EVERYTHING, type StreamHost } from '@catzilla/testkit'
import { silent } from './silent.ts'

/** An app on one transport, as a host of the stream contract. */
export function streamHost(transport: TransportName): StreamHost {
  return {
    can: EVERYTHING,
    async start(routes) {
      const app = catzilla({ transport, logger: silent })
      for (const [path, route] of Object.entries(routes)) app.all(path, route)
      const { port } = await app.listen({ host: '127.0.0.1' })
      return { port, close: (options) => app.close(options), stats: () => app.stats() }
    },
  }
}
