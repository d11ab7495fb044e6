// The shared memory of a ring, as docs/ring.md describes it; native/ring/layout.h of core-native is its twin. Cells are 32-bit
// words in the order of the machine; each side's words lie on cache lines of their own.

export const MAGIC = 0x42525a43 // "CZRB"
export const VERSION = 1

/** Bytes before the data. */
export const HEADER_BYTES = 512

export const SMALLEST_CAPACITY = 8
/** Distances between positions stay positive numbers of 32 bits. */
export const LARGEST_CAPACITY = 2 ** 30

/** Bytes of a record's length word; records are padded to a multiple of it, so that the word never wraps. */
export const LENGTH_BYTES = 4

/** Indices of cells. */
export const Cell = {
  // Written once.
  magic: 0,
  version: 1,
  kind: 2,
  capacity: 3,
  // The producer's line.
  tail: 32,
  producerState: 33,
  /** 1 while the consumer sleeps. Here, as the producer looks at it each time that it publishes. */
  consumerSleeps: 34,
  // The consumer's line.
  head: 64,
  consumerState: 65,
  /** Free bytes that the sleeping producer waits for; 0 while it is awake. */
  producerSleeps: 66,
  // Why the producer has failed.
  failureLength: 96,
} as const

/** Where the text of a failure lies, and how much of it there may be. */
export const FAILURE_AT = 97 * 4
export const FAILURE_BYTES = HEADER_BYTES - FAILURE_AT

export const KINDS = ['bytes', 'records'] as const

export const ProducerState = { open: 0, ended: 1, failed: 2 } as const
export const ConsumerState = { open: 0, cancelled: 1 } as const

/** Bytes that a record takes. */
export function recordSize(length: number): number {
  return LENGTH_BYTES + ((length + 3) & ~3)
}
