import { lostError } from '../errors.ts'
import { Gate, refused } from '../gate.ts'
import type { LossListener, StreamSink } from '../sink.ts'

type Frame = string | Uint8Array

/**
 * A sink whose way out is decided later: the host wants to know that there is a first frame, and then runs its hooks, before
 * it says where the body goes. Until then frames wait here, up to the high-water mark.
 *
 * @internal
 */
export class DeferredSink implements StreamSink, LossListener {
  private target: StreamSink | undefined
  private endTarget!: (last: Frame | undefined) => Promise<void> | undefined
  private attached: Gate | undefined
  // What was called before there was a target.
  private readonly frames: Frame[] = []
  private length = 0
  private flushed = false
  private broken: { readonly reason: unknown } | undefined

  /**
   * @param connection tells of the loss of the peer, whatever the target.
   * @param ready is called when there is something to send, be it only the head.
   */
  constructor(
    private readonly connection: StreamSink,
    private readonly highWaterMark: number,
    private readonly ready: () => void,
  ) {
    connection.onLost(this)
  }

  /** All frames go to `target` from now on. */
  attach(target: StreamSink, endTarget = (last: Frame | undefined) => target.end(last)): void {
    this.target = target
    this.endTarget = endTarget
    for (const frame of this.frames.splice(0)) target.write(frame)
    if (this.flushed) target.flush()
    if (this.broken === undefined) this.attached?.open()
    else target.abort(this.broken.reason)
  }

  write(frame: Frame): boolean {
    if (this.target !== undefined) return this.target.write(frame)
    if (this.lost) return false
    this.frames.push(frame)
    this.length += frame.length
    this.ready()
    return this.length < this.highWaterMark
  }

  drained(): Promise<void> {
    if (this.lost) return refused(lostError())
    return this.target?.drained() ?? this.whenAttached().then(() => this.target!.drained())
  }

  flush(): void {
    if (this.target !== undefined) return this.target.flush()
    this.flushed = true
    this.ready()
  }

  end(last?: Frame): Promise<void> | undefined {
    if (this.lost) return refused(lostError())
    if (this.target !== undefined) return this.endTarget(last)
    this.ready()
    return this.whenAttached().then(() => this.endTarget(last))
  }

  private whenAttached(): Promise<void> {
    return (this.attached ??= new Gate()).passed
  }

  abort(reason: unknown): void {
    if (this.target !== undefined) return this.target.abort(reason)
    if (this.lost) return this.connection.abort(reason)
    this.broken = { reason }
    this.ready()
  }

  get lost(): boolean {
    return this.connection.lost
  }

  onLost(listener: LossListener): void {
    this.connection.onLost(listener)
  }

  peerLost(): void {
    this.attached?.refuse(lostError())
  }
}
