import { ringError, type RingBuffer, type RingErrorCode, type RingStatus } from '@catzilla/streaming/ring'
import { loadBinding } from './binding.ts'
import { RING_STATUS, RingOutcome, type NativeRing } from './native-api.ts'

// Cells on which an end sleeps (docs/ring.md).
const CONSUMER_SLEEPS = 34
const PRODUCER_SLEEPS = 66

/**
 * The writing end of a ring, in C++: what an addon would use, driven from JavaScript. `RingBuffer.producer()` is the same in
 * TypeScript, and quicker from JavaScript.
 *
 * @throws `CZ_NATIVE_LOAD` where there is no addon for this platform.
 */
export class NativeRingProducer {
  private readonly cells: Int32Array
  private readonly native: NativeRing

  constructor({ memory }: RingBuffer) {
    this.cells = new Int32Array(memory)
    this.native = new (loadBinding().NativeRing)(new Uint8Array(memory))
  }

  /** The consumer has left. */
  get cancelled(): boolean {
    return this.native.cancelled()
  }

  /** Writes as much as fits, and says how much that was. */
  write(bytes: Uint8Array): number {
    const taken = this.native.stage(bytes)
    if (taken < 0 && taken !== -RingOutcome.wait) throw refusal(-taken)
    this.publish()
    return Math.max(taken, 0)
  }

  /** Writes a record, or says `false` where it does not fit now. */
  writeRecord(record: Uint8Array): boolean {
    const staged = this.stageRecord(record)
    this.publish()
    return staged
  }

  /** As {@link writeRecord}, to be published later. */
  stageRecord(record: Uint8Array): boolean {
    const outcome = -this.native.stageRecord(record)
    if (outcome > RingOutcome.wait) throw refusal(outcome)
    return outcome === RingOutcome.ok
  }

  /** Shows the consumer what was staged, and wakes it where it sleeps. */
  publish(): void {
    this.wakeConsumer(this.native.publish())
  }

  end(): void {
    this.wakeConsumer(this.native.end())
  }

  fail(reason: string): void {
    this.wakeConsumer(this.native.fail(reason))
  }

  /** Publishes, and blocks the thread until `bytes` are free or the consumer has left. It sleeps in JavaScript, so that it can be terminated. */
  waitWritable(bytes: number = 1): void {
    for (;;) {
      const armed = this.native.armProducer(bytes)
      this.wakeConsumer((armed & 2) !== 0)
      if ((armed & 1) === 0) return
      const wanted = Atomics.load(this.cells, PRODUCER_SLEEPS)
      if (wanted !== 0) Atomics.wait(this.cells, PRODUCER_SLEEPS, wanted)
    }
  }

  /** A native wake would not reach a thread that sleeps in `Atomics.wait()`. */
  private wakeConsumer(asleep: boolean): void {
    if (asleep) Atomics.notify(this.cells, CONSUMER_SLEEPS)
  }
}

/** The reading end of a ring, in C++: see {@link NativeRingProducer}. */
export class NativeRingConsumer {
  private readonly cells: Int32Array
  private readonly native: NativeRing

  constructor({ memory }: RingBuffer) {
    this.cells = new Int32Array(memory)
    this.native = new (loadBinding().NativeRing)(new Uint8Array(memory))
  }

  /** `ended` and `failed` when everything is read. */
  get status(): RingStatus {
    const status = RING_STATUS[this.native.status()]
    if (status === undefined || status === 'corrupt') throw refusal(RingOutcome.corrupt)
    return status
  }

  /** Why the producer has failed. */
  get failure(): string | undefined {
    return this.status === 'failed' ? this.native.failure() : undefined
  }

  /** A copy of the bytes that there are; `undefined` when the ring is empty. */
  read(): Uint8Array<ArrayBuffer> | undefined {
    return this.taken(this.native.read())
  }

  /** A copy of the next record; `undefined` when there is none. */
  readRecord(): Uint8Array<ArrayBuffer> | undefined {
    return this.taken(this.native.readRecord())
  }

  /** Nobody reads any more. */
  cancel(): void {
    if (this.native.cancel()) Atomics.notify(this.cells, PRODUCER_SLEEPS)
  }

  /** Blocks the thread until there is something to read or the producer has ended. */
  waitReadable(): void {
    while (this.native.armConsumer()) Atomics.wait(this.cells, CONSUMER_SLEEPS, 1)
  }

  private taken(result: Uint8Array<ArrayBuffer> | number): Uint8Array<ArrayBuffer> | undefined {
    if (typeof result === 'number') {
      if (result !== -RingOutcome.wait) throw refusal(-result)
      return undefined
    }
    if (this.native.release()) Atomics.notify(this.cells, PRODUCER_SLEEPS)
    return result
  }
}

const REFUSALS: Record<number, readonly [RingErrorCode, string]> = {
  [RingOutcome.tooLarge]: ['CZ_RING_RECORD', 'The record is larger than the ring'],
  [RingOutcome.closed]: ['CZ_RING_CLOSED', 'The ring has ended; write before end() or fail()'],
  [RingOutcome.wrongKind]: ['CZ_RING_KIND', 'This is a ring of the other kind: of bytes, or of records'],
}

function refusal(outcome: number): Error {
  const [code, message] = REFUSALS[outcome] ?? ['CZ_RING_CORRUPT', 'The shared memory of a ring is corrupt']
  return ringError(code, message)
}
