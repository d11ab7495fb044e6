import { errorFactory } from '../errors.ts'
import type { RingKind } from './ring-buffer.ts'

/** Beside those of `../errors.ts`, so that a stream without a ring does without them. */
const ERRORS = {
  /** The capacity of a ring is no power of two from 8 to 2³⁰. */
  CZ_RING_CAPACITY: { base: RangeError },
  /** Shared memory that holds no ring, or one of another version. */
  CZ_RING_MEMORY: { base: TypeError },
  /** A ring of bytes was used for records, or one of records for bytes. */
  CZ_RING_KIND: { base: TypeError },
  /** A record is larger than its whole ring. Give the ring more capacity, or cut the record. */
  CZ_RING_RECORD: { base: RangeError },
  /** More was taken or given of a ring's memory than there was, with `advance()`. */
  CZ_RING_ADVANCE: { base: RangeError },
  /** Something was written behind the end of a ring. */
  CZ_RING_CLOSED: { base: Error },
  /** What stands in a ring's shared memory cannot be: something else has written to it, or two were at the same end. */
  CZ_RING_CORRUPT: { base: Error },
} as const

export type RingErrorCode = keyof typeof ERRORS

/** @internal */
export const ringError = errorFactory(ERRORS)

/** @internal */
export function corrupt(what: string): Error {
  return ringError('CZ_RING_CORRUPT', `The shared memory of a ring is corrupt: ${what}`)
}

/** @internal */
export function wrongKind(kind: RingKind): Error {
  const cure = kind === 'bytes' ? 'use write() and read()' : 'use writeRecord() and readRecord()'
  return ringError('CZ_RING_KIND', `This is a ring of ${kind}; ${cure}`)
}

/** @internal */
export function badAdvance(count: number, most: number): Error {
  return ringError('CZ_RING_ADVANCE', `advance(${count}) is not from 0 to ${most}, which is what there is`)
}
