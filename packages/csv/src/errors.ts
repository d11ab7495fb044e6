import { errorFactory, show } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** An option is unknown or out of range. */
  CZ_CSV_OPTION: { base: TypeError, status: undefined },
  /** A row is neither an array nor an object, or has no field. */
  CZ_CSV_ROW: { base: TypeError, status: undefined },
  /** A row has a key that is no column, or more fields than there are columns. */
  CZ_CSV_COLUMN: { base: TypeError, status: undefined },
  /** A value has no text in this file: a function, NaN, a Map, a tab where there are no quotes. Choose what to write. */
  CZ_CSV_VALUE: { base: TypeError, status: undefined },
  /** A text would be run as a formula, and `formulas` is `reject`. */
  CZ_CSV_FORMULA: { base: TypeError, status: undefined },
} as const

export type CsvErrorCode = keyof typeof ERRORS

/** @internal */
export const csvError = errorFactory(ERRORS)

/** @internal */
export function badOption(message: string, cause?: unknown): Error {
  return csvError('CZ_CSV_OPTION', message, cause)
}

/** @internal */
export function requireOneOf(name: string, value: unknown, values: readonly unknown[]): void {
  if (values.includes(value)) return
  const list = values.map((each) => JSON.stringify(each)).join(' or ')
  throw badOption(`${name} must be ${list} (got ${show(value)})`)
}
