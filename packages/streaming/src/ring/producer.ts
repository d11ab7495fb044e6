import { badAdvance, corrupt, ringError, wrongKind } from './errors.ts'
import { Cell, ConsumerState, FAILURE_AT, FAILURE_BYTES, HEADER_BYTES, ProducerState, recordSize } from './layout.ts'
import type { RingBuffer, RingKind } from './ring-buffer.ts'
import { sleep, sleepAsync, wake } from './wait.ts'

/**
 * The writing end of a ring. Thread: the one that made it.
 *
 * What is staged is seen by the consumer from `publish()` on, which costs as much as a small record: who has several at once
 * stages them and publishes once.
 */
export class RingProducer {
  private readonly cells: Int32Array
  private readonly words: Int32Array
  private readonly bytes: Uint8Array
  private readonly kind: RingKind
  private readonly capacity: number
  private readonly mask: number

  // Positions count bytes for ever, modulo 2^32. The consumer's is read again only when there seems to be no room.
  private tail: number
  private published: number
  private head: number
  private closed: boolean

  /** @internal */
  constructor({ memory, kind, capacity }: RingBuffer) {
    this.cells = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.words = new Int32Array(memory, HEADER_BYTES, capacity / 4)
    this.bytes = new Uint8Array(memory, HEADER_BYTES, capacity)
    this.kind = kind
    this.capacity = capacity
    this.mask = capacity - 1
    this.tail = Atomics.load(this.cells, Cell.tail)
    this.published = this.tail
    this.head = this.tail
    this.closed = Atomics.load(this.cells, Cell.producerState) !== ProducerState.open
    this.readHead()
  }

  /** The consumer has left: what is written now, nobody reads. */
  get cancelled(): boolean {
    return Atomics.load(this.cells, Cell.consumerState) !== ConsumerState.open
  }

  /** Bytes that fit now. */
  get free(): number {
    this.readHead()
    return this.freeSeen
  }

  /** Writes as much as fits, and says how much that was: 0 when the ring is full. */
  write(bytes: Uint8Array): number {
    const count = this.stage(bytes)
    this.publish()
    return count
  }

  /** As {@link write}, to be published later. */
  stage(bytes: Uint8Array): number {
    this.expect('bytes')
    if (this.freeSeen < bytes.length) this.readHead()
    const count = Math.min(this.freeSeen, bytes.length)
    if (count > 0) this.copyIn(this.tail & this.mask, count === bytes.length ? bytes : bytes.subarray(0, count))
    this.tail = (this.tail + count) | 0
    return count
  }

  /**
   * Free memory, in one piece, to be written to directly; then {@link advance}. Empty when the ring is full.
   */
  region(): Uint8Array {
    this.expect('bytes')
    this.readHead()
    const at = this.tail & this.mask
    return this.bytes.subarray(at, Math.min(at + this.freeSeen, this.capacity))
  }

  /** Publishes `count` bytes that were written to {@link region}. */
  advance(count: number): void {
    if (!(count >= 0 && count <= this.freeSeen)) throw badAdvance(count, this.freeSeen)
    this.tail = (this.tail + count) | 0
    this.publish()
  }

  /**
   * Writes a record, or says `false` where it does not fit now.
   *
   * @throws {RangeError} `CZ_RING_RECORD` where it never will.
   */
  writeRecord(record: Uint8Array): boolean {
    const staged = this.stageRecord(record)
    this.publish()
    return staged
  }

  /** As {@link writeRecord}, to be published later. */
  stageRecord(record: Uint8Array): boolean {
    this.expect('records')
    if ((this.tail & 3) !== 0) throw corrupt(`its tail is at ${this.tail}, where no record begins`)
    const { length } = record
    const size = recordSize(length)
    if (this.freeSeen < size) {
      if (size > this.capacity || size < length) throw tooLarge(length, this.capacity)
      this.readHead()
      if (this.freeSeen < size) return false
    }
    const at = this.tail & this.mask
    this.words[at >> 2] = length
    this.copyIn((at + 4) & this.mask, record)
    this.tail = (this.tail + size) | 0
    return true
  }

  /** Shows the consumer what was staged, and wakes it where it sleeps. */
  publish(): void {
    if (this.tail === this.published) return
    this.published = this.tail
    Atomics.store(this.cells, Cell.tail, this.tail)
    this.wakeConsumer()
  }

  /** The last is written: the consumer reads to the end, and knows that it is one. */
  end(): void {
    this.close(ProducerState.ended)
  }

  /** There will be no more, and something is missing. The consumer reads what there is, then why: the text is cut at 120 bytes. */
  fail(reason: string): void {
    if (this.closed) return
    const text = new TextEncoder().encode(reason)
    let length = Math.min(text.length, FAILURE_BYTES)
    while (length < text.length && length > 0 && (text[length]! & 0xc0) === 0x80) length-- // Whole characters.
    new Uint8Array(this.cells.buffer, FAILURE_AT, FAILURE_BYTES).set(text.subarray(0, length))
    Atomics.store(this.cells, Cell.failureLength, length)
    this.close(ProducerState.failed)
  }

  /**
   * Publishes, and blocks the thread until `bytes` are free, the consumer has left, or `timeoutMs` have passed.
   *
   * @returns whether they are free.
   */
  waitWritable(bytes: number = 1, timeoutMs: number = Infinity): boolean {
    const deadline = performance.now() + timeoutMs
    while (this.mustSleep(bytes)) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      sleep(this.cells, Cell.producerSleeps, this.wanted(bytes), left)
    }
    return this.freeSeen >= this.wanted(bytes)
  }

  /**
   * Publishes, and resolves when `bytes` are free, the consumer has left, or {@link wake} was called; keeps no loop alive.
   * `undefined`: one of the first two is so now.
   */
  writable(bytes: number = 1): Promise<unknown> | undefined {
    return this.mustSleep(bytes) ? sleepAsync(this.cells, Cell.producerSleeps, this.wanted(bytes)) : undefined
  }

  /** Ends a wait of this end: for when the consumer is known to be dead. */
  wake(): void {
    const value = Atomics.load(this.cells, Cell.producerSleeps)
    if (value !== 0) wake(this.cells, Cell.producerSleeps, value)
  }

  /** Says that this end is about to sleep, then looks again: in this order, so that no wake is lost. */
  private mustSleep(bytes: number): boolean {
    this.publish()
    const wanted = this.wanted(bytes)
    this.readHead()
    if (this.freeSeen >= wanted || this.cancelled) return false
    Atomics.store(this.cells, Cell.producerSleeps, wanted)
    this.readHead()
    if (this.freeSeen < wanted && !this.cancelled) return true
    Atomics.store(this.cells, Cell.producerSleeps, 0)
    return false
  }

  private wanted(bytes: number): number {
    return Math.min(Math.max(bytes, 1), this.capacity)
  }

  private close(state: number): void {
    if (this.closed) return
    this.publish()
    this.closed = true
    Atomics.store(this.cells, Cell.producerState, state)
    this.wakeConsumer()
  }

  private wakeConsumer(): void {
    if (Atomics.load(this.cells, Cell.consumerSleeps) !== 0) wake(this.cells, Cell.consumerSleeps, 1)
  }

  private get freeSeen(): number {
    return this.capacity - ((this.tail - this.head) | 0)
  }

  private readHead(): void {
    const head = Atomics.load(this.cells, Cell.head)
    const used = (this.tail - head) | 0
    if (used < 0 || used > this.capacity) throw corrupt(`its head is at ${head}, its tail at ${this.tail}`)
    this.head = head
  }

  private expect(kind: RingKind): void {
    if (this.kind !== kind) throw wrongKind(this.kind)
    if (this.closed) throw ringError('CZ_RING_CLOSED', 'The ring has ended; write before end() or fail()')
  }

  private copyIn(at: number, bytes: Uint8Array): void {
    const left = this.capacity - at
    if (bytes.length <= left) {
      this.bytes.set(bytes, at)
    } else {
      this.bytes.set(bytes.subarray(0, left), at)
      this.bytes.set(bytes.subarray(left), 0)
    }
  }
}

function tooLarge(length: number, capacity: number): Error {
  return ringError('CZ_RING_RECORD', `A record of ${length} bytes does not fit a ring of ${capacity}`)
}
