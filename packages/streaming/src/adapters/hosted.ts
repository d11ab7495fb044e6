import { Readable } from 'node:stream'
import { toError } from '../errors.ts'
import type { ResponseHead } from '../head.ts'
import { isUnanswered, type StreamEnd } from '../outcome.ts'
import type { StreamingResponse } from '../response.ts'
import { isHeadOnly, sendStream } from '../send.ts'
import type { Exchange, StreamSink } from '../sink.ts'
import { withHostHead, type HostResponse } from './host-head.ts'
import { NodeStreamRequest } from './node.ts'
import { NodeSink, type NodeRequestLike, type NodeResponseLike } from './node-sink.ts'
import { StreamBody } from './stream-body.ts'

/** A started response whose head the host sends, with the fields of its own, and whose body it pipes. */
export interface HostedResponse {
  readonly head: ResponseHead
  readonly body: Readable
}

export interface HostedOptions {
  /** Where the handler may have set a status and a type. */
  readonly host: HostResponse
  /** See {@link StreamBody}. */
  readonly pipedByPipeline: boolean
  /** The stream has ended; of an early failure the promise tells. */
  ended(end: StreamEnd): void
}

/**
 * Starts a response for a host that sends heads and bodies itself.
 *
 * @returns a promise for the moment at which there is something to send: of `undefined` when the client has left before. It
 * rejects with what the source failed with before.
 * @internal
 */
export function startHosted(
  req: NodeRequestLike,
  res: NodeResponseLike,
  response: StreamingResponse<never>,
  options: HostedOptions,
): Promise<HostedResponse | undefined> {
  return new Promise((resolve, reject) => {
    const ended = (end: StreamEnd) => {
      if (isUnanswered(end)) return reject(toError(end.error))
      resolve(undefined)
      options.ended(end)
    }
    sendStream(response, new HostedExchange(req, res, options, resolve, ended))
  })
}

class HostedExchange implements Exchange {
  readonly request: NodeStreamRequest
  private connection: NodeSink | undefined

  constructor(
    req: NodeRequestLike,
    private readonly res: NodeResponseLike,
    private readonly options: HostedOptions,
    private readonly ready: (hosted: HostedResponse) => void,
    private readonly onEnded: (end: StreamEnd) => void,
  ) {
    this.request = new NodeStreamRequest(req)
  }

  respond(given: ResponseHead): StreamSink {
    const { res } = this
    const { host, pipedByPipeline } = this.options
    const head = withHostHead(given, host)
    if (isHeadOnly(this.request, given)) return new HeadOnlySink(() => this.ready({ head, body: Readable.from([]) }))
    this.connection = new NodeSink(res, new SentByHost(head, res))
    const connection = { sink: this.connection, response: res, pipedByPipeline }
    const body = new StreamBody(connection, head.highWaterMark, () => this.ready({ head, body }))
    return body.sink
  }

  abortSignal(reason: unknown): void {
    this.request.abort(reason)
  }

  ended(end: StreamEnd): void {
    this.connection?.release()
    this.onEnded(end)
  }
}

/**
 * A head of which the host sends the fields, and whose status its hooks may still change. (It is a class: V8 keeps a hidden
 * class for each object literal with a getter, and with it the whole exchange, until the next full collection.)
 */
class SentByHost implements ResponseHead {
  readonly fields = []
  readonly contentLength: number | undefined
  readonly probe: string | undefined
  readonly highWaterMark: number

  constructor(
    { contentLength, probe, highWaterMark }: ResponseHead,
    private readonly response: NodeResponseLike,
  ) {
    this.contentLength = contentLength
    this.probe = probe
    this.highWaterMark = highWaterMark
  }

  get status(): number {
    return this.response.statusCode
  }
}

/** For an answer that ends with its head: the host sends that, and nobody reads a body. */
class HeadOnlySink implements StreamSink {
  readonly lost = false

  constructor(private readonly ready: () => void) {}

  async end(): Promise<void> {
    this.ready()
  }

  write(): boolean {
    return true
  }

  async drained(): Promise<void> {}
  flush(): void {}
  abort(): void {}
  onLost(): void {}
}
