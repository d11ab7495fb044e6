import { errorFactory } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** An option is unknown or out of range. */
  CZ_JSONL_OPTION: { base: TypeError, status: undefined },
  /** A row holds what JSON has no form for: a Map, an Error, bytes. */
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
  /** The client accepts none of the frames. */
  CZ_JSONL_ACCEPT: { base: TypeError, status: 406 },
  /** Reading: what is to be read is no body, or its answer was no success. */
  CZ_JSONL_SOURCE: { base: TypeError, status: undefined },
  /** Reading: a line is longer than `maxLineLength`. */
  CZ_JSONL_LINE: { base: RangeError, status: undefined },
  /** Reading: a line is no JSON (`cause`). */
  CZ_JSONL_PARSE: { base: SyntaxError, status: undefined },
  /** Reading: the body ends within a record, or without the end that was promised. */
  CZ_JSONL_TRUNCATED: { base: Error, status: undefined },
  /** Reading: the body says that its source has failed (`cause` is what it says). */
  CZ_JSONL_FAILED: { base: Error, status: undefined },
} as const

export type JsonlErrorCode = keyof typeof ERRORS

/** @internal */
export const jsonlError = errorFactory(ERRORS)
