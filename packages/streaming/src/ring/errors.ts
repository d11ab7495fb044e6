import { streamError, type StreamingErrorCode } from '../errors.ts'
import type { RingKind } from './ring-buffer.ts'

export type RingErrorCode = Extract<StreamingErrorCode, `CZ_RING_${string}`>

/** @internal */
export function ringError(code: RingErrorCode, message: string): Error {
  return streamError(code, message)
}

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
