import type { Http2ServerResponse } from 'node:http2'
import { toError } from '../errors.ts'
import { LazySignal } from '../signal.ts'
import type { ResponseHead } from '../head.ts'
import { isUnanswered, type StreamEnd } from '../outcome.ts'
import type { StreamingResponse } from '../response.ts'
import { sendStream } from '../send.ts'
import type { Exchange, StreamRequest } from '../sink.ts'
import { withHostHead } from './host-head.ts'
import { NodeSink, type NodeRequestLike, type NodeResponseLike } from './node-sink.ts'

/**
 * Sends a response through `node:http`, or through `node:http2` with its compatibility API.
 *
 * @returns how the stream ended, once its source is released. A stream that failed before anything was sent rejects with
 * its error instead: nothing has been written then, and an error status can still be answered.
 * @example
 * ```ts
 * createServer((req, res) => {
 *   send(req, res, new StreamingResponse(rows())).catch((error) => res.writeHead(500).end())
 * })
 * ```
 */
export function send(
  req: NodeRequestLike,
  res: NodeResponseLike | Http2ServerResponse,
  response: StreamingResponse<never>,
): Promise<StreamEnd> {
  return new Promise((resolve, reject) => {
    const ended = (end: StreamEnd) => {
      if (isUnanswered(end)) reject(toError(end.error))
      else resolve(end)
    }
    sendStream(response, new NodeExchange(req, res as NodeResponseLike, ended))
  })
}

/** One exchange of `node:http`, for hosts built on it. */
export class NodeExchange implements Exchange {
  readonly request: NodeStreamRequest
  private sink: NodeSink | undefined

  constructor(
    req: NodeRequestLike,
    private readonly res: NodeResponseLike,
    private readonly onEnded: (end: StreamEnd) => void,
  ) {
    this.request = new NodeStreamRequest(req)
  }

  respond(head: ResponseHead): NodeSink {
    return (this.sink = new NodeSink(this.res, withHostHead(head, this.res)))
  }

  abortSignal(reason: unknown): void {
    this.request.abort(reason)
  }

  ended(end: StreamEnd): void {
    this.sink?.release()
    this.onEnded(end)
  }
}

/** @internal */
export class NodeStreamRequest implements StreamRequest {
  readonly method: string
  readonly url: string
  private readonly lazy = new LazySignal()

  constructor(private readonly req: NodeRequestLike & { readonly originalUrl?: string }) {
    this.method = req.method ?? 'GET'
    this.url = req.originalUrl ?? req.url ?? '/' // Express shortens `url` inside a mounted router.
  }

  get headers(): StreamRequest['headers'] {
    return new NodeHeaders(this.req.headers)
  }

  get signal(): AbortSignal {
    return this.lazy.signal
  }

  abort(reason: unknown): void {
    this.lazy.abort(reason)
  }
}

class NodeHeaders {
  constructor(private readonly headers: NodeRequestLike['headers']) {}

  get(name: string): string | null {
    const key = name.toLowerCase()
    if (!Object.hasOwn(this.headers, key)) return null
    const value = this.headers[key]!
    return typeof value === 'string' ? value : value.join(', ')
  }
}
