import type { Express } from 'express'
import { describeStreamContract, RoutedResponse } from '@catzilla/testkit'
import { streaming } from '@catzilla/streaming/express'
import { muteErrors, ON_NODE, runningHalfOpen } from './hosts.ts'

/** Both majors have the same adapter and the same suite. */
export function describeExpress(name: string, express: () => Express): void {
  muteErrors()
  describeStreamContract(name, {
    can: ON_NODE,
    start: (routes) => {
      const app = express()
      app.set('env', 'production') // No stack traces in error answers.
      app.use(streaming())
      for (const [path, route] of Object.entries(routes)) {
        app.get(path, (_req, res) => res.stream(new RoutedResponse(route)))
      }
      return runningHalfOpen((listening) => app.listen(0, '127.0.0.1', listening))
    },
  })
}
