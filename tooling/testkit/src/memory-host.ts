import {
  LazySignal,
  sendStream,
  type Exchange,
  type LossListener,
  type ResponseHead,
  type StreamEnd,
  type StreamHandle,
  type StreamingResponse,
  type StreamRequest,
  type StreamSink,
} from '@catzilla/streaming'
import { within } from './waits.ts'

export interface MemoryOptions {
  readonly method?: string
  readonly url?: string
  readonly headers?: Record<string, string>
  /** Bytes that the peer takes before `write()` says `false`; each {@link MemorySink.drain} gives as many again. */
  readonly room?: number
  /** The peer is gone before anything is sent. */
  readonly lost?: boolean
  /** `end()` stays pending until {@link MemorySink.drain}, as it does while the last bytes are on their way. */
  readonly slowEnd?: boolean
  /** `end()` has handed everything over when it returns, and gives no promise. */
  readonly promptEnd?: boolean
}

type Frame = string | Uint8Array

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

/** A sink without a peer: the test decides when there is room, and when the peer is lost. */
export class MemorySink implements StreamSink {
  readonly frames: Frame[] = []
  /** What was called, in order; a write with its length. */
  readonly calls: string[] = []
  /** What `abort()` was given, in a box that says that it was called. */
  aborted: { readonly reason: unknown } | undefined
  ended = false
  lost: boolean
  private waiting = 0
  private readonly lossListeners: LossListener[] = []
  private waiters: Waiter[] = []

  constructor(private readonly options: MemoryOptions) {
    this.lost = options.lost ?? false
  }

  /** Everything written so far. */
  get text(): string {
    return Buffer.concat(this.frames.map((frame) => Buffer.from(frame as string))).toString('utf8')
  }

  /** The length of each frame. */
  get sizes(): number[] {
    return this.frames.map((frame) => frame.length)
  }

  write(frame: Frame): boolean {
    this.calls.push(`write ${frame.length}`)
    if (this.ended || this.aborted !== undefined) throw new Error('written after the end')
    if (this.lost) return false
    this.frames.push(frame)
    this.waiting += frame.length
    return this.waiting < (this.options.room ?? Infinity)
  }

  drained(): Promise<void> {
    return this.wait()
  }

  flush(): void {
    this.calls.push('flush')
  }

  end(last?: Frame): Promise<void> | undefined {
    if (last !== undefined) this.write(last)
    this.calls.push('end')
    this.ended = true
    if (this.lost) return Promise.reject(new Error('lost'))
    if (this.options.promptEnd === true) return undefined
    return this.options.slowEnd === true ? this.wait() : Promise.resolve()
  }

  abort(reason: unknown): void {
    this.calls.push('abort')
    this.aborted = { reason }
  }

  onLost(listener: LossListener): void {
    if (this.lost) listener.peerLost()
    else this.lossListeners.push(listener)
  }

  /** The peer takes all that waits. */
  drain(): void {
    this.waiting = 0
    for (const waiter of this.takeWaiters()) waiter.resolve()
  }

  /** The peer goes away. */
  lose(): void {
    this.lost = true
    for (const listener of this.lossListeners.splice(0)) listener.peerLost()
    for (const waiter of this.takeWaiters()) waiter.reject(new Error('lost'))
  }

  private wait(): Promise<void> {
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }))
  }

  private takeWaiters(): Waiter[] {
    const { waiters } = this
    this.waiters = []
    return waiters
  }
}

/** A host in memory: one exchange, with its sink and its outcome in view. */
export class MemoryExchange implements Exchange {
  readonly request: StreamRequest
  readonly sink: MemorySink
  /** What `respond()` was given; `undefined` while nobody has called it. */
  head: ResponseHead | undefined
  /** What `ended()` was given, each time. */
  readonly ends: StreamEnd[] = []
  handle: StreamHandle | undefined
  private readonly lazySignal = new LazySignal()
  private readonly firstEnd: Promise<StreamEnd>
  private resolveEnd!: (end: StreamEnd) => void

  constructor(options: MemoryOptions = {}) {
    const { lazySignal } = this
    this.request = {
      method: options.method ?? 'GET',
      url: options.url ?? '/',
      headers: new Headers(options.headers),
      get signal() {
        return lazySignal.signal
      },
    }
    this.sink = new MemorySink(options)
    this.firstEnd = new Promise((resolve) => (this.resolveEnd = resolve))
  }

  respond(head: ResponseHead): StreamSink {
    this.head = head
    return this.sink
  }

  abortSignal(reason: unknown): void {
    this.lazySignal.abort(reason)
  }

  ended(end: StreamEnd): void {
    this.ends.push(end)
    this.resolveEnd(end)
  }

  /** Waits for the end of the stream. */
  end(withinMs?: number): Promise<StreamEnd> {
    return within(this.firstEnd, 'the stream should end', withinMs)
  }
}

/** Sends a response in memory, and gives the exchange to look at. */
export function sendInMemory(response: StreamingResponse<never>, options?: MemoryOptions): MemoryExchange {
  const exchange = new MemoryExchange(options)
  exchange.handle = sendStream(response, exchange)
  return exchange
}

/** Sends a response in memory, and gives its whole body. Fails when the stream does. */
export async function bodyOf(response: StreamingResponse<never>, options?: MemoryOptions): Promise<string> {
  const exchange = sendInMemory(response, options)
  const { outcome, error } = await exchange.end()
  if (outcome !== 'completed') throw new Error(`the stream ended with ${outcome}`, { cause: error })
  return exchange.sink.text
}
