import type { Readable } from 'node:stream'
import { lostError } from '../errors.ts'
import { Gate, refused } from '../gate.ts'
import { nextTurn } from '../scheduler.ts'
import type { LossListener, StreamSink } from '../sink.ts'

const READY = Promise.resolve()

/** What a compressor has beside a Writable. */
interface Flushable {
  readonly writableNeedDrain?: boolean
  flush?(): void
}

/**
 * A `Readable` as a sink: `push()` takes the frames, and `_read()` is the drain.
 *
 * @internal
 */
export class ReadableSink implements StreamSink, LossListener {
  private room = true
  private waiting: Gate | undefined
  private destination: Flushable | undefined
  /** The stream was broken off by the pump, and not by who reads it. */
  broken = false

  constructor(
    private readonly body: Readable,
    private readonly connection: StreamSink,
  ) {
    connection.onLost(this)
  }

  /** What the body is piped into; a compressor there is flushed when the source goes quiet. */
  goesTo(destination: NodeJS.WritableStream): void {
    this.destination = destination as Flushable
  }

  /** The reader wants more. */
  onRead(): void {
    this.room = true
    this.waiting?.open()
    this.waiting = undefined
  }

  write(frame: string | Uint8Array): boolean {
    if (this.lost || this.broken) return false
    this.room = this.body.push(frame)
    return this.room
  }

  drained(): Promise<void> {
    if (this.lost || this.broken) return refused(lostError())
    return this.room ? READY : (this.waiting ??= new Gate()).passed
  }

  flush(): void {
    if (this.destination?.flush === undefined) return
    // In a turn of its own, as what was pushed is on its way to the compressor. One that is full gives its bytes anyway, and
    // would keep a listener for each flush until then.
    nextTurn(({ writableNeedDrain, flush }) => {
      if (writableNeedDrain !== true && !this.lost) flush!.call(this.destination)
    }, this.destination)
  }

  end(last?: string | Uint8Array): Promise<void> {
    if (this.lost || this.broken) return refused(lostError())
    this.waiting = new Gate()
    const { passed, open } = this.waiting
    if (last !== undefined) this.body.push(last)
    this.body.push(null)
    this.body.once('end', open)
    return passed
  }

  abort(reason: unknown): void {
    if (this.broken) return
    this.broken = true
    this.connection.abort(reason)
    this.body.destroy(reason instanceof Error ? reason : undefined)
  }

  get lost(): boolean {
    return this.connection.lost
  }

  onLost(listener: LossListener): void {
    this.connection.onLost(listener)
  }

  peerLost(): void {
    this.waiting?.refuse(lostError())
  }
}
