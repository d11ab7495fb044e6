import { toError } from '../errors.ts'
import type { ResponseHead } from '../head.ts'
import type { StreamEnd } from '../outcome.ts'
import type { StreamingResponse } from '../response.ts'
import { sendStream } from '../send.ts'
import { LazySignal } from '../signal.ts'
import type { Exchange, StreamRequest } from '../sink.ts'
import { WebSink } from './web-sink.ts'

/** Nobody sees this answer: its client left before there was one. The number is the one that proxies log. */
const CLIENT_CLOSED_REQUEST = 499

/**
 * Answers a request of a fetch runtime: a `Response` at once where the source has its first item at once, else a promise.
 * Its body is pulled at the pace of the reader. Cancelling it, or aborting the request, ends the source.
 *
 * @throws what the source fails with before its first item, so that the runtime can still answer with an error status.
 * @example
 * ```ts
 * export default { fetch: (request) => toResponse(request, new StreamingResponse(rows())) }
 * ```
 */
export function toResponse(request: Request, response: StreamingResponse<never>): Response | Promise<Response> {
  const exchange = new WebExchange(request)
  sendStream(response, exchange)
  return exchange.answer()
}

class WebExchange implements Exchange {
  readonly request: WebStreamRequest
  private sink: WebSink | undefined
  private result: (() => Response) | undefined
  private settle: (() => void) | undefined

  constructor(private readonly webRequest: Request) {
    this.request = new WebStreamRequest(webRequest)
  }

  /** What was decided, or a promise of it. */
  answer(): Response | Promise<Response> {
    if (this.result !== undefined) return this.result()
    const settled = new Promise<void>((resolve) => (this.settle = resolve))
    return settled.then(() => this.result!())
  }

  respond(head: ResponseHead): WebSink {
    const commit = (body: ReadableStream<Uint8Array> | null) => this.decide(() => makeResponse(body, head))
    return (this.sink = new WebSink(head.highWaterMark, this.webRequest.signal, commit))
  }

  abortSignal(reason: unknown): void {
    this.request.lazySignal.abort(reason)
  }

  ended({ outcome, error }: StreamEnd): void {
    this.sink?.release()
    if (this.result !== undefined) return
    this.decide(() => {
      if (outcome === 'client-abort') return new Response(null, { status: CLIENT_CLOSED_REQUEST })
      throw toError(error)
    })
  }

  private decide(result: () => Response): void {
    this.result = result
    this.settle?.()
  }
}

class WebStreamRequest implements StreamRequest {
  readonly method: string
  readonly headers: Headers
  readonly lazySignal = new LazySignal()

  constructor(private readonly request: Request) {
    this.method = request.method
    this.headers = request.headers
  }

  /** A web request tells the whole URL. */
  get url(): string {
    const { url } = this.request
    const path = url.indexOf('/', url.indexOf('://') + 3)
    return path === -1 ? '/' : url.slice(path)
  }

  get signal(): AbortSignal {
    return this.lazySignal.signal
  }
}

function makeResponse(body: ReadableStream<Uint8Array> | null, head: ResponseHead): Response {
  const { status, fields, contentLength } = head
  const headers = contentLength === undefined ? [...fields] : [...fields, ['content-length', String(contentLength)]]
  return new Response(body, { status, headers: headers as [string, string][] })
}
