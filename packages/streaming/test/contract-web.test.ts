import { serve } from '@hono/node-server'
import { describeStreamContract, RoutedResponse } from '@catzilla/testkit'
import { toResponse } from '@catzilla/streaming/web'
import { FETCH_RUNTIME, muteErrors, pathOf, running } from './hosts/hosts.ts'

muteErrors()
describeStreamContract('web Response', {
  can: FETCH_RUNTIME,
  start: (routes) => {
    const fetch = (request: Request) => toResponse(request, new RoutedResponse(routes[pathOf(request.url)]!))
    return running((listening) => serve({ fetch, port: 0, hostname: '127.0.0.1' }, listening))
  },
})
