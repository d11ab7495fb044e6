import { streamError } from '../errors.ts'
import { defined, rejectUnknown } from '../option-checks.ts'
import { RingConsumer } from './consumer.ts'
import { ringError } from './errors.ts'
import { Cell, HEADER_BYTES, KINDS, LARGEST_CAPACITY, MAGIC, SMALLEST_CAPACITY, VERSION } from './layout.ts'
import { RingProducer } from './producer.ts'

/** Raw bytes, or records that come out as they went in. */
export type RingKind = (typeof KINDS)[number]

export interface RingOptions {
  /**
   * Bytes that fit, length words of records included: a power of two from 8 to 2³⁰.
   * @defaultValue 65536
   */
  readonly capacity?: number
  /** @defaultValue 'bytes' */
  readonly kind?: RingKind
}

const DEFAULTS: Required<RingOptions> = Object.freeze({ capacity: 64 * 1024, kind: 'bytes' })

/**
 * A lock-free ring over shared memory, from one producer to one consumer, each in a thread of its own or both in one. This is
 * the face for JavaScript threads; that for C++ (`native/ring/` of `@catzilla/core-native`) has the same layout, and either may
 * be at either end.
 *
 * @example
 * ```ts
 * const ring = RingBuffer.create({ kind: 'records' })
 * worker.postMessage(ring.memory)                             // there: RingBuffer.open(memory).producer()
 * const consumer = ring.consumer()
 * while (consumer.status === 'open') {
 *   await consumer.readable()
 *   for (let record = consumer.readRecord(); record; record = consumer.readRecord()) take(record)
 * }
 * ```
 *
 * @see `docs/ring.md` for the layout and the order of memory.
 */
export class RingBuffer {
  /** What the other thread gets, by `postMessage`. */
  readonly memory: SharedArrayBuffer
  readonly kind: RingKind
  /** Bytes that fit. */
  readonly capacity: number

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    const cells = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.capacity = cells[Cell.capacity]!
    this.kind = KINDS[cells[Cell.kind]!]!
  }

  /** @throws {RangeError} `CZ_RING_CAPACITY` */
  static create(options: RingOptions = {}): RingBuffer {
    return new RingBuffer(lay(options))
  }

  /**
   * A ring that was made elsewhere.
   *
   * @throws {TypeError} `CZ_RING_MEMORY` where there is none, or one of another version.
   */
  static open(memory: SharedArrayBuffer): RingBuffer {
    const flaw = flawOf(memory)
    if (flaw !== undefined) throw ringError('CZ_RING_MEMORY', `This memory holds no ring: ${flaw}`)
    return new RingBuffer(memory)
  }

  /** The writing end. There is one at a time, whichever thread has it. */
  producer(): RingProducer {
    return new RingProducer(this)
  }

  /** The reading end. There is one at a time, whichever thread has it. */
  consumer(): RingConsumer {
    return new RingConsumer(this)
  }

  /** Makes the ring empty and open again; for when neither end is in use any more. */
  reset(): void {
    const cells = new Int32Array(this.memory, 0, HEADER_BYTES / 4)
    for (const cell of [
      Cell.tail,
      Cell.producerState,
      Cell.consumerSleeps,
      Cell.head,
      Cell.consumerState,
      Cell.producerSleeps,
      Cell.failureLength,
    ]) {
      Atomics.store(cells, cell, 0)
    }
  }
}

function lay(options: RingOptions): SharedArrayBuffer {
  rejectUnknown(options, DEFAULTS, (message) => streamError('CZ_STREAM_OPTION', message))
  const { capacity, kind } = { ...DEFAULTS, ...defined(options) }
  if (!isCapacity(capacity)) {
    const message = `The capacity of a ring is a power of two from ${SMALLEST_CAPACITY} to 2^30 (got ${String(capacity)})`
    throw ringError('CZ_RING_CAPACITY', message)
  }
  if (!KINDS.includes(kind)) {
    throw streamError('CZ_STREAM_OPTION', `The kind of a ring is 'bytes' or 'records' (got ${kind as string})`)
  }
  const memory = new SharedArrayBuffer(HEADER_BYTES + capacity)
  const cells = new Int32Array(memory, 0, HEADER_BYTES / 4)
  cells[Cell.version] = VERSION
  cells[Cell.kind] = KINDS.indexOf(kind)
  cells[Cell.capacity] = capacity
  Atomics.store(cells, Cell.magic, MAGIC)
  return memory
}

function flawOf(memory: unknown): string | undefined {
  if (!(memory instanceof SharedArrayBuffer)) return 'it is no SharedArrayBuffer'
  if (memory.byteLength < HEADER_BYTES + SMALLEST_CAPACITY) return `it has ${memory.byteLength} bytes`
  const cells = new Int32Array(memory, 0, HEADER_BYTES / 4)
  if (Atomics.load(cells, Cell.magic) !== MAGIC) return 'it does not begin as one'
  if (cells[Cell.version] !== VERSION) return `its version is ${cells[Cell.version]}, and not ${VERSION}`
  if (KINDS[cells[Cell.kind]!] === undefined) return `its kind is ${cells[Cell.kind]}`
  const capacity = cells[Cell.capacity]!
  if (!isCapacity(capacity)) return `its capacity is ${capacity}`
  if (memory.byteLength < HEADER_BYTES + capacity) return `its capacity of ${capacity} is more than it has`
  return undefined
}

function isCapacity(value: number): boolean {
  return value >= SMALLEST_CAPACITY && value <= LARGEST_CAPACITY && (value & (value - 1)) === 0
}
