import Koa from 'koa'
import { describeStreamContract, RoutedResponse } from '@catzilla/testkit'
import { streaming } from '@catzilla/streaming/koa'
import { ON_NODE, muteErrors, runningHalfOpen } from './hosts/hosts.ts'

muteErrors()
describeStreamContract('Koa', {
  can: ON_NODE,
  start: (routes) => {
    const app = new Koa()
    app.use(streaming())
    app.use((ctx) => {
      ctx.body = new RoutedResponse(routes[ctx.path]!)
    })
    return runningHalfOpen((listening) => app.listen(0, '127.0.0.1', listening))
  },
})
