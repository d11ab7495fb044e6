import { Readable } from 'node:stream'
import { DeferredSink } from './deferred-sink.ts'
import type { NodeResponseLike, NodeSink } from './node-sink.ts'
import { ReadableSink } from './readable-sink.ts'

interface Connection {
  readonly sink: NodeSink
  readonly response: NodeResponseLike
  /** Who pipes the body with `end: false` ends the response when the body has ended. */
  readonly pipedByPipeline: boolean
}

/**
 * The body of a streaming response for hosts that want to see a `Readable`, with their hooks and middleware.
 *
 * ```
 *   piped into the response   ──▶ it steps aside: the pump writes to the connection itself
 *   read by anything else     ──▶ an ordinary Readable (compression, a test, a hook that collects)
 * ```
 *
 * Either way the source is asked only at the pace of whoever takes the body.
 *
 * @internal
 */
export class StreamBody extends Readable {
  readonly sink: DeferredSink
  private reader: ReadableSink | undefined
  private way: 'undecided' | 'direct' | 'readable' = 'undecided'

  /** @param ready is called when there is something to send, be it only the head. */
  constructor(
    private readonly connection: Connection,
    highWaterMark: number,
    ready: () => void,
  ) {
    super({ highWaterMark })
    this.sink = new DeferredSink(connection.sink, highWaterMark, ready)
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    if (!this.canStepAside(destination, options)) {
      this.asReadable().goesTo(destination)
      return super.pipe(destination, options)
    }
    const { sink, pipedByPipeline } = this.connection
    this.way = 'direct'
    if (pipedByPipeline) {
      this.sink.attach(sink, (last) => this.endThen(() => sink.end(last)))
    } else {
      this.sink.attach(sink)
      this.endEmpty()
    }
    return destination
  }

  private canStepAside(destination: NodeJS.WritableStream, options: { end?: boolean } | undefined): boolean {
    const { response, pipedByPipeline } = this.connection
    if (this.way !== 'undecided' || (destination as unknown) !== response) return false
    return options?.end !== false || pipedByPipeline
  }

  /** Nobody waits for the end of what is piped: as a Readable it is through, and the response tells the rest. */
  private endEmpty(): void {
    this.push(null)
    this.read()
  }

  /** Ends itself first: the host must not see a response that finished before the body which it piped into it. */
  private endThen(next: () => Promise<void>): Promise<void> {
    this.push(null)
    this.resume()
    return new Promise((resolve, reject) => {
      this.prependOnceListener('end', () => next().then(resolve, reject)) // Before whoever ends the response on 'end'.
    })
  }

  override _read(): void {
    if (this.way === 'readable') return this.reader!.onRead()
    if (this.way === 'direct') return
    this.way = 'readable'
    this.sink.attach(this.asReadable())
  }

  private asReadable(): ReadableSink {
    return (this.reader ??= new ReadableSink(this, this.connection.sink))
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.readableEnded && this.reader?.broken !== true) this.connection.sink.lose()
    callback(error)
  }
}
