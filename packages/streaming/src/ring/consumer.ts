import {
  Cell,
  ConsumerState,
  FAILURE_AT,
  FAILURE_BYTES,
  HEADER_BYTES,
  LENGTH_BYTES,
  ProducerState,
  recordSize,
} from './layout.ts'
import { badAdvance, corrupt, wrongKind } from './errors.ts'
import type { RingBuffer, RingKind } from './ring-buffer.ts'
import { sleep, sleepAsync, wake } from './wait.ts'

/** `open` as long as there is something left to read, whatever the producer has said. */
export type RingStatus = 'open' | 'ended' | 'failed'

/** The reading end of a ring. Thread: the one that made it. */
export class RingConsumer {
  private readonly cells: Int32Array
  private readonly words: Int32Array
  private readonly bytes: Uint8Array
  private readonly kind: RingKind
  private readonly capacity: number
  private readonly mask: number

  // Positions count bytes for ever, modulo 2^32. The producer's is read again only when there seems to be nothing.
  private head: number
  private tail: number

  /** @internal */
  constructor({ memory, kind, capacity }: RingBuffer) {
    this.cells = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.words = new Int32Array(memory, HEADER_BYTES, capacity / 4)
    this.bytes = new Uint8Array(memory, HEADER_BYTES, capacity)
    this.kind = kind
    this.capacity = capacity
    this.mask = capacity - 1
    this.head = Atomics.load(this.cells, Cell.head)
    this.tail = this.head
    this.readTail()
  }

  /** Bytes that can be read now, length words of records included. */
  get available(): number {
    this.readTail()
    return this.used
  }

  /**
   * `ended` and `failed` when everything is read.
   *
   * @throws `CZ_RING_CORRUPT`
   */
  get status(): RingStatus {
    const state = Atomics.load(this.cells, Cell.producerState)
    if (state === ProducerState.open) return 'open'
    if (state !== ProducerState.ended && state !== ProducerState.failed)
      throw corrupt(`its producer's state is ${state}`)
    this.readTail() // Behind the state: what was published before it is seen now.
    if (this.used > 0) return 'open'
    return state === ProducerState.ended ? 'ended' : 'failed'
  }

  /** Why the producer has failed, as far as the ring carries it: the first 120 bytes. */
  get failure(): string | undefined {
    if (Atomics.load(this.cells, Cell.producerState) !== ProducerState.failed) return undefined
    const length = Math.min(Atomics.load(this.cells, Cell.failureLength) >>> 0, FAILURE_BYTES)
    return new TextDecoder().decode(new Uint8Array(this.cells.buffer, FAILURE_AT, length).slice())
  }

  /** A copy of the bytes that there are, at most `most`; `undefined` when the ring is empty. */
  read(most: number = this.capacity): Uint8Array<ArrayBuffer> | undefined {
    const length = Math.min(this.bytesReady(), most)
    if (length <= 0) return undefined
    const target = new Uint8Array(length)
    this.copyOut(this.head & this.mask, target)
    this.release(length)
    return target
  }

  /** Fills `target` with the bytes that there are, and says how many those were: 0 when the ring is empty. */
  readInto(target: Uint8Array): number {
    const length = Math.min(this.bytesReady(), target.length)
    if (length === 0) return 0
    this.copyOut(this.head & this.mask, length === target.length ? target : target.subarray(0, length))
    this.release(length)
    return length
  }

  /** The next bytes in place, in one piece, without taking them; then {@link advance}. Empty when the ring is. */
  peek(): Uint8Array {
    const used = this.bytesReady()
    const at = this.head & this.mask
    return this.bytes.subarray(at, Math.min(at + used, this.capacity))
  }

  /** Takes `count` bytes of what {@link peek} has shown; the producer may overwrite them from now on. */
  advance(count: number): void {
    if (!(count >= 0 && count <= this.used)) throw badAdvance(count, this.used)
    this.release(count)
  }

  /**
   * A copy of the next record; `undefined` when there is none.
   *
   * @throws `CZ_RING_CORRUPT` where its length cannot be.
   */
  readRecord(): Uint8Array<ArrayBuffer> | undefined {
    const length = this.nextLength()
    if (length < 0) return undefined
    const record = new Uint8Array(length)
    this.copyOut((this.head + LENGTH_BYTES) & this.mask, record)
    this.release(recordSize(length))
    return record
  }

  /**
   * Copies the next record to the front of `target`, and says how long it is; -1 when there is none.
   *
   * @throws {RangeError} where it does not fit; it stays.
   */
  readRecordInto(target: Uint8Array): number {
    const length = this.nextLength()
    if (length < 0) return -1
    if (length > target.length)
      throw new RangeError(`The next record has ${length} bytes, and the target ${target.length}`)
    this.copyOut((this.head + LENGTH_BYTES) & this.mask, length === target.length ? target : target.subarray(0, length))
    this.release(recordSize(length))
    return length
  }

  /** Nobody reads any more: the producer is told, and woken where it waits. */
  cancel(): void {
    Atomics.store(this.cells, Cell.consumerState, ConsumerState.cancelled)
    const wanted = Atomics.load(this.cells, Cell.producerSleeps)
    if (wanted !== 0) wake(this.cells, Cell.producerSleeps, wanted)
  }

  /**
   * Blocks the thread until there is something to read, the producer has ended, or `timeoutMs` have passed.
   *
   * @returns whether one of the first two is so.
   */
  waitReadable(timeoutMs: number = Infinity): boolean {
    const deadline = performance.now() + timeoutMs
    while (this.mustSleep()) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      sleep(this.cells, Cell.consumerSleeps, 1, left)
    }
    return true
  }

  /**
   * Resolves when there is something to read, the producer has ended, or {@link wake} was called; keeps no loop alive.
   * `undefined`: one of the first two is so now.
   */
  readable(): Promise<unknown> | undefined {
    return this.mustSleep() ? sleepAsync(this.cells, Cell.consumerSleeps, 1) : undefined
  }

  /** Ends a wait of this end: for when the producer is known to be dead. */
  wake(): void {
    wake(this.cells, Cell.consumerSleeps, 1)
  }

  /** Says that this end is about to sleep, then looks again: in this order, so that no wake is lost. */
  private mustSleep(): boolean {
    if (this.hasNews()) return false
    Atomics.store(this.cells, Cell.consumerSleeps, 1)
    if (!this.hasNews()) return true
    Atomics.store(this.cells, Cell.consumerSleeps, 0)
    return false
  }

  private hasNews(): boolean {
    this.readTail()
    return this.used > 0 || Atomics.load(this.cells, Cell.producerState) !== ProducerState.open
  }

  private get used(): number {
    return (this.tail - this.head) | 0
  }

  private bytesReady(): number {
    if (this.kind !== 'bytes') throw wrongKind(this.kind)
    this.readTail()
    return this.used
  }

  /** Of the next record; -1 when there is none. Whatever the length word says, nothing outside of the ring is touched. */
  private nextLength(): number {
    if (this.kind !== 'records') throw wrongKind(this.kind)
    if (this.used === 0) this.readTail()
    const { used } = this
    if (used === 0) return -1
    if (used < LENGTH_BYTES || (this.head & 3) !== 0) throw corrupt(`${used} bytes at ${this.head} hold no record`)
    const length = Atomics.load(this.words, (this.head & this.mask) >> 2)
    if (length < 0 || length > used - LENGTH_BYTES || recordSize(length) > used) {
      throw corrupt(`a record of ${length} bytes in ${used}`)
    }
    return length
  }

  private readTail(): void {
    const tail = Atomics.load(this.cells, Cell.tail)
    const used = (tail - this.head) | 0
    if (used < 0 || used > this.capacity) throw corrupt(`its head is at ${this.head}, its tail at ${tail}`)
    this.tail = tail
  }

  private release(count: number): void {
    this.head = (this.head + count) | 0
    Atomics.store(this.cells, Cell.head, this.head)
    const wanted = Atomics.load(this.cells, Cell.producerSleeps)
    if (wanted !== 0) this.wakeProducer(wanted)
  }

  /** Only for as much room as it waits for: one wake for many reads. */
  private wakeProducer(wanted: number): void {
    this.readTail()
    if (this.capacity - this.used >= wanted || wanted > this.capacity) wake(this.cells, Cell.producerSleeps, wanted)
  }

  private copyOut(at: number, target: Uint8Array): void {
    const left = this.capacity - at
    if (target.length <= left) {
      target.set(this.bytes.subarray(at, at + target.length))
    } else {
      target.set(this.bytes.subarray(at))
      target.set(this.bytes.subarray(0, target.length - left), left)
    }
  }
}
