import { errorFactory } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  CZ_JSONL_OPTION: { base: TypeError, status: undefined },
  CZ_JSONL_ROW: { base: TypeError, status: undefined },
  CZ_JSONL_UNDEFINED: { base: TypeError, status: undefined },
  CZ_JSONL_BIGINT: { base: TypeError, status: undefined },
  CZ_JSONL_CIRCULAR: { base: TypeError, status: undefined },
  CZ_JSONL_SERIALIZE: { base: TypeError, status: undefined },
  CZ_JSONL_NEWLINE: { base: TypeError, status: undefined },
} as const

export type JsonlErrorCode = keyof typeof ERRORS

/** @internal */
export const jsonlError = errorFactory(ERRORS)
