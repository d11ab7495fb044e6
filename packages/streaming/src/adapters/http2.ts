import { Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { StreamEnd } from '../outcome.ts'
import type { StreamingResponse } from '../response.ts'
import { send as sendThroughNode } from './node.ts'

/**
 * Sends a response on a stream of `node:http2`. (With its compatibility API, use `send` of `@catzilla/streaming/node`.)
 *
 * @returns how the stream ended, once its source is released. A stream that failed before anything was sent rejects with
 * its error instead: an error status can still be answered then.
 * @example
 * ```ts
 * server.on('stream', (stream, headers) => {
 *   send(stream, headers, new StreamingResponse(rows())).catch(() => {
 *     stream.respond({ ':status': 500 }, { endStream: true })
 *   })
 * })
 * ```
 */
export function send(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  response: StreamingResponse<never>,
): Promise<StreamEnd> {
  const request = { method: headers[':method'], url: headers[':path'], headers, httpVersion: '2.0' }
  stream.on('error', () => {}) // A connection that breaks is loss, of which 'close' tells.
  return sendThroughNode(request, new Http2ServerResponse(stream), response)
}
