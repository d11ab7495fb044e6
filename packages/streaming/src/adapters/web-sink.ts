import { lostError, streamError } from '../errors.ts'
import { Gate, refused } from '../gate.ts'
import { nextTurn, READY, unref, type Timer } from '../scheduler.ts'
import type { LossListener, StreamSink } from '../sink.ts'
import { toUtf8 } from '../text.ts'

/** How long the reader of a broken body may take for what came before the break. */
const ABORT_LINGER_MS = 1_000

/**
 * The body of a web `Response` as a sink. Frames are queued in a `ReadableStream` up to the high-water mark; its `pull()` is
 * the drain, its `cancel()` the loss of the peer.
 *
 * It is a default stream and no byte stream: that would take the buffers of the source's items away (`enqueue()` transfers
 * them), and costs three times as much per frame in Node.
 */
export class WebSink implements StreamSink {
  lost = false
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** What happens once the queue is empty: nothing as yet, the clean end, or the break. */
  private ending: 'none' | 'close' | 'break' = 'none'
  private linger: Timer | undefined
  private breakReason: unknown
  private waiting: Gate | undefined
  private readonly listeners: LossListener[] = []

  /** @param commit takes the body (`null` where there is none) when the head is decided. */
  constructor(
    private readonly highWaterMark: number,
    private readonly abortSignal: AbortSignal,
    private readonly commit: (body: ReadableStream<Uint8Array> | null) => void,
  ) {
    this.lost = abortSignal.aborted
    abortSignal.addEventListener('abort', this.onAbort)
  }

  write(frame: string | Uint8Array): boolean {
    if (this.ending === 'close') throw streamError('CZ_STREAM_CLOSED', 'The stream is closed; write before end()')
    if (this.lost || this.ending === 'break') return false
    const controller = this.open()
    controller.enqueue(toUtf8(frame))
    return this.hasRoom()
  }

  drained(): Promise<void> {
    if (this.lost || this.ending === 'break') return refused(lostError())
    return this.hasRoom() ? READY : (this.waiting ??= new Gate()).passed
  }

  flush(): void {
    if (!this.lost && this.ending === 'none') this.open()
  }

  end(last?: string | Uint8Array): Promise<void> {
    if (this.lost || this.ending === 'break') return refused(lostError())
    if (last !== undefined) this.write(last)
    this.ending = 'close'
    if (this.controller === undefined) {
      this.commit(null)
      return READY
    }
    const { passed } = (this.waiting = new Gate())
    this.onPull()
    return passed
  }

  /** Erroring a stream empties its queue, so that waits until the reader has what came before. */
  abort(reason: unknown): void {
    if (this.ending === 'break') return
    this.ending = 'break'
    this.breakReason = reason
    this.refuseWaiting()
    if (this.lost) return
    this.open()
    this.linger = setTimeout(() => this.breakOff(), ABORT_LINGER_MS)
    unref(this.linger)
    this.onPull()
  }

  onLost(listener: LossListener): void {
    if (this.lost) listener.peerLost()
    else this.listeners.push(listener)
  }

  /** The stream has ended. */
  release(): void {
    this.abortSignal.removeEventListener('abort', this.onAbort)
  }

  private open(): ReadableStreamDefaultController<Uint8Array> {
    if (this.controller === undefined) {
      const body = new ReadableStream<Uint8Array>(
        {
          start: (controller) => void (this.controller = controller),
          pull: () => this.onPull(),
          cancel: () => this.lose(),
        },
        new ByteLengthQueuingStrategy({ highWaterMark: this.highWaterMark }),
      )
      this.commit(body)
    }
    return this.controller!
  }

  private hasRoom(): boolean {
    return this.controller === undefined || this.controller.desiredSize! > 0
  }

  /** The reader took something. */
  private onPull(): void {
    const empty = this.controller?.desiredSize === this.highWaterMark
    if (this.ending === 'none') {
      if (this.hasRoom()) this.openGate()
    } else if (empty && this.ending === 'close') {
      this.controller?.close()
      this.openGate()
    } else if (empty) {
      nextTurn(() => this.breakOff(), undefined) // The reader has the last bytes, but may not have passed them on.
    }
  }

  private openGate(): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.open()
  }

  private refuseWaiting(): void {
    this.waiting?.refuse(lostError())
    this.waiting = undefined
  }

  /** The reason stays on this side: some runtimes show a client the message of the error that breaks its body. */
  private breakOff(): void {
    clearTimeout(this.linger)
    if (this.lost) return
    this.lost = true
    const cause = this.breakReason
    this.controller?.error(streamError('CZ_STREAM_ABORTED', 'The stream broke off', cause))
  }

  private lose(): void {
    if (this.lost) return
    this.lost = true
    clearTimeout(this.linger)
    this.refuseWaiting()
    for (const listener of this.listeners.splice(0)) listener.peerLost()
  }

  /** A runtime that aborts the request cancels the body too; a reader in this process may wait for it. */
  private readonly onAbort = (): void => {
    if (this.lost) return
    this.lose()
    nextTurn(() => this.controller?.error(this.abortSignal.reason), undefined)
  }
}
