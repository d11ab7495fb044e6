import { errorFactory } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  CZ_SSE_ITEM: { base: TypeError, status: undefined },
  CZ_SSE_FIELD_UNKNOWN: { base: TypeError, status: undefined },
  CZ_SSE_FIELD_TYPE: { base: TypeError, status: undefined },
  CZ_SSE_FIELD_NEWLINE: { base: TypeError, status: undefined },
  CZ_SSE_FIELD_NUL: { base: TypeError, status: undefined },
  CZ_SSE_RETRY_RANGE: { base: RangeError, status: undefined },
  CZ_SSE_DATA: { base: TypeError, status: undefined },
  CZ_SSE_OPTION: { base: TypeError, status: undefined },
} as const

export type SseErrorCode = keyof typeof ERRORS

/** @internal */
export const sseError = errorFactory(ERRORS)
