import { errorFactory } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** An option is unknown or out of range. */
  CZ_JSONL_OPTION: { base: TypeError, status: undefined },
  /** A row would be written as something that it is not: a Map, a promise, bytes. */
  CZ_JSONL_ROW: { base: TypeError, status: undefined },
  /** A row has no JSON, and `undefinedRows` is `throw`. */
  CZ_JSONL_UNDEFINED: { base: TypeError, status: undefined },
  /** A row holds a BigInt, which JSON has no form for. */
  CZ_JSONL_BIGINT: { base: TypeError, status: undefined },
  /** A row refers to itself. */
  CZ_JSONL_CIRCULAR: { base: TypeError, status: undefined },
  /** `serialize()` failed (`cause`) or gave no text. */
  CZ_JSONL_SERIALIZE: { base: TypeError, status: undefined },
  /** `serialize()` gave a row with a line end in it. */
  CZ_JSONL_NEWLINE: { base: TypeError, status: undefined },
} as const

export type JsonlErrorCode = keyof typeof ERRORS

/** @internal */
export const jsonlError = errorFactory(ERRORS)
