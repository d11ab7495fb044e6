import { lostError } from '../errors.ts'
import type { RingProducer } from '../ring/producer.ts'
import type { LossListener, StreamSink } from '../sink.ts'

/** Bytes that are published at once while the source goes on, where half the ring is not less: each time may wake the loop. */
const PUBLISH_BYTES = 128 * 1024

/** The producing end of a ring as a sink. What does not fit waits here: what was in the making when the ring was full. */
export class RingSink implements StreamSink {
  lost = false
  private waiting: Uint8Array[] = []
  /** The first frame is seen at once. */
  private unpublished = PUBLISH_BYTES
  private readonly step: number
  private listener: LossListener | undefined

  constructor(
    private readonly producer: RingProducer,
    capacity: number,
  ) {
    this.step = Math.min(PUBLISH_BYTES, capacity / 2)
  }

  write(frame: string | Uint8Array): boolean {
    if (this.lost) return false
    this.waiting.push(typeof frame === 'string' ? Buffer.from(frame) : frame)
    if (!this.stage()) return false
    if (this.unpublished >= this.step) this.flush()
    return true
  }

  async drained(): Promise<void> {
    while (!this.lost && !this.stage()) {
      // For several frames: a wake for each few bytes that the loop has read would be too many.
      await this.producer.writable(this.step)
      if (this.producer.cancelled) this.lose()
    }
    this.flush()
    if (this.lost) throw lostError()
  }

  /** Moves what waits into the ring, in order; `false` where not all of it fits. */
  private stage(): boolean {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const taken = this.producer.stage(first)
      this.unpublished += taken
      if (taken < first.length) {
        this.waiting[0] = first.subarray(taken)
        return false
      }
      this.waiting.shift()
    }
    return true
  }

  flush(): void {
    this.unpublished = 0
    if (!this.lost) this.producer.publish()
  }

  end(last?: string | Uint8Array): Promise<void> | undefined {
    if (last !== undefined) this.write(last)
    if (this.waiting.length > 0 || this.lost) return this.drained().then(() => this.producer.end())
    this.producer.end()
    return undefined
  }

  /** What failed is told by the job, when its error has gone ahead. */
  abort(): void {}

  fail(): void {
    if (!this.lost) this.producer.fail('the source has failed')
  }

  /** What was written is in the ring, or nobody wants it. */
  async settled(): Promise<void> {
    await this.drained().catch(() => {})
  }

  /** The consumer has left. */
  lose(): void {
    if (this.lost) return
    this.lost = true
    this.producer.wake()
    this.listener?.peerLost()
  }

  onLost(listener: LossListener): void {
    this.listener = listener
    if (this.lost) listener.peerLost()
  }
}
