import { createServer, type Http2Server } from 'node:http2'
import { describeStreamContract, RoutedResponse, type RunningHost } from '@catzilla/testkit'
import { send as sendOnStream } from '@catzilla/streaming/http2'
import { send } from '@catzilla/streaming/node'
import { ON_HTTP2, pathOf, running } from './hosts/hosts.ts'

describeStreamContract('node:http2, compatibility API', {
  can: ON_HTTP2,
  start: (routes) =>
    serve(
      createServer((req, res) => {
        const response = new RoutedResponse(routes[pathOf(req.url)]!)
        send(req, res, response).catch(({ status = 500 }: { status?: number }) => res.writeHead(status).end())
      }),
    ),
})

describeStreamContract('node:http2, streams', {
  can: ON_HTTP2,
  start: (routes) =>
    serve(
      createServer().on('stream', (stream, headers) => {
        const response = new RoutedResponse(routes[pathOf(headers[':path']!)]!)
        sendOnStream(stream, headers, response).catch(({ status = 500 }: { status?: number }) =>
          stream.respond({ ':status': status }, { endStream: true }),
        )
      }),
    ),
})

async function serve(server: Http2Server): Promise<RunningHost> {
  const host = await running((listening) => server.listen(0, '127.0.0.1', listening))
  return { ...host, http2: true }
}
