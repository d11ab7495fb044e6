import type { RingConsumer } from '../ring/consumer.ts'
import type { ItemIterator, StoppableStream } from '../source.ts'
import type { PoolThread, ThreadPool } from './pool.ts'

/** Bytes that are taken from a ring at once. */
const READ_BYTES = 256 * 1024

const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined }

type Result = IteratorResult<Uint8Array>

/** One call of a function in a worker, on the loop's side: what comes through its ring. */
export class WorkerRun implements ItemIterator {
  private thread: PoolThread | undefined
  private consumer: RingConsumer | undefined
  private memory: SharedArrayBuffer | undefined
  private stream: StoppableStream | undefined
  private job = 0
  /** Bytes of the ring that the stream has before it. */
  private shown = 0
  /** Nothing more is read. */
  private through = false
  private brokenOff = false
  /** The worker is through with it, too. */
  private ended = false
  /** What was thrown, or what became of the worker. */
  private failure: { readonly error: Error } | undefined
  private onFailure: (() => void) | undefined
  private onEnded: (() => void) | undefined

  constructor(
    private readonly pool: ThreadPool,
    private readonly module: string,
    private readonly name: string,
    private readonly args: readonly unknown[],
  ) {}

  attach(stream: StoppableStream): void {
    this.stream = stream
  }

  next(): Result | Promise<Result> {
    if (this.through) {
      if (this.brokenOff) throw this.failure!.error
      return DONE
    }
    try {
      return this.read((this.consumer ??= this.start()))
    } catch (error) {
      void this.return() // A pump does not, where next() throws.
      throw error
    }
  }

  private read(consumer: RingConsumer): Result | Promise<Result> {
    if (this.shown > 0) consumer.advance(this.shown)
    this.shown = 0
    const { available } = consumer
    if (available > 0) return { done: false, value: this.take(consumer, Math.min(available, READ_BYTES)) }
    const { status } = consumer
    if (status === 'ended') {
      this.close()
      return DONE
    }
    // With a failure, the worker is gone, and the ring says nothing of it.
    if (status === 'failed' || this.failure !== undefined) return this.failed()
    return (consumer.readable() ?? Promise.resolve()).then(() => this.next())
  }

  /** Stops it; resolves when it has cleaned up. */
  return(): Promise<void> | undefined {
    if (this.through || this.thread === undefined) {
      this.through = true
      return undefined
    }
    this.close()
    this.consumer!.cancel()
    this.consumer!.wake()
    this.thread.cancel(this.job)
    if (this.ended) return undefined
    return new Promise((resolve) => {
      this.onEnded = resolve
    })
  }

  /** What is in the ring is still read. @internal */
  workerFailed(error: Error): void {
    this.failure ??= { error }
    this.consumer?.wake()
    this.onFailure?.()
  }

  /** At once, whether somebody reads or not. @internal */
  breakOff(error: Error): void {
    this.brokenOff = true
    this.workerFailed(error)
    this.stream?.stop('source-error', error)
    void this.return()
  }

  /** The worker does not touch the ring any more. @internal */
  workerEnded(): void {
    this.ended = true
    this.onEnded?.()
    this.giveBack()
  }

  private start(): RingConsumer {
    const thread = this.pool.thread()
    const ring = thread.takeRing()
    const { module, name, args } = this
    this.job = thread.start(this, { module, name, args, memory: ring.memory })
    this.thread = thread
    this.memory = ring.memory
    return ring.consumer()
  }

  /** Its error may still be on the way, beside the ring. */
  private failed(): Promise<Result> {
    return new Promise((_, reject) => {
      const fail = () => {
        this.close()
        reject(this.failure!.error)
      }
      if (this.failure === undefined) this.onFailure = fail
      else fail()
    })
  }

  private close(): void {
    this.through = true
    this.giveBack()
  }

  private giveBack(): void {
    if (!this.through || !this.ended || this.memory === undefined) return
    this.thread!.giveRing(this.memory)
    this.memory = undefined
  }

  private take(consumer: RingConsumer, length: number): Uint8Array {
    if (this.stream?.copiesShared === true) {
      // As it lies there, until the next is asked for.
      const bytes = consumer.peek().subarray(0, length)
      this.shown = bytes.length
      return bytes
    }
    // A copy, as a sink may keep what it gets until the stream ends. Not zeroed first: it is filled from end to end.
    const bytes = Buffer.allocUnsafeSlow(length)
    consumer.readInto(bytes)
    return bytes
  }
}
