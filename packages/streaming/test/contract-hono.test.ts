import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { describeStreamContract, RoutedResponse } from '@catzilla/testkit'
import { send } from '@catzilla/streaming/hono'
import { FETCH_RUNTIME, muteErrors, running } from './hosts/hosts.ts'

muteErrors()
describeStreamContract('Hono', {
  can: { ...FETCH_RUNTIME, errorStatus: true },
  start: (routes) => {
    const app = new Hono()
    app.onError((error, c) => c.body(null, (error as { status?: ContentfulStatusCode }).status ?? 500))
    for (const [path, route] of Object.entries(routes)) app.get(path, (c) => send(c, new RoutedResponse(route)))
    return running((listening) => serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening))
  },
})
