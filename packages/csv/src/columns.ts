import { rejectUnknown, show } from '@catzilla/streaming/format'
import { QUOTINGS, type Quoting } from './dialect.ts'
import { badOption } from './errors.ts'

/** What a column may have, whatever its values come from. */
interface ColumnLook {
  /** Which fields of the column get quotes. */
  readonly quoting?: Exclude<Quoting, 'none'> | undefined
}

/** One key of object rows, under a header of its own. */
export interface CsvColumn<Key extends string = string, Row = unknown, Value = unknown> extends ColumnLook {
  readonly key: Key
  /** @defaultValue the key */
  readonly header?: string | undefined
  /** Gives what is written instead of the value. */
  readonly format?: ((value: Value, row: Row) => unknown) | undefined
}

/** A column whose values are computed from the row. */
export interface CsvComputedColumn<Row = unknown> extends ColumnLook {
  readonly header: string
  readonly value: (row: Row) => unknown
}

/** Keys that rows of this type have; any name where the type does not say. */
type ColumnKey<Row> = Row extends readonly unknown[]
  ? string
  : [keyof Row] extends [never]
    ? string
    : keyof Row & string

type KeyColumn<Row> = {
  [Key in ColumnKey<Row>]: CsvColumn<Key, Row, Key extends keyof Row ? Row[Key] : unknown>
}[ColumnKey<Row>]

export type CsvColumns<Row = unknown> =
  readonly (ColumnKey<Row> | KeyColumn<Row> | CsvComputedColumn<Row>)[] | { readonly [Key in ColumnKey<Row>]?: string }

/** A column after checking. */
export interface Column {
  readonly header: string
  /** Computed columns have none. */
  readonly key: string | undefined
  readonly value: ((row: unknown) => unknown) | undefined
  readonly format: ((value: unknown, row: unknown) => unknown) | undefined
  readonly quoting: Quoting | undefined
}

const KNOWN = { key: true, header: true, value: true, format: true, quoting: true }

/** @throws {TypeError} `CZ_CSV_OPTION` */
export function toColumns(columns: unknown, quoting: Quoting): readonly Column[] | undefined {
  if (columns === undefined) return undefined
  const list = isMap(columns) ? Object.entries(columns).map(([key, header]) => ({ key, header })) : columns
  if (!Array.isArray(list) || list.length === 0) {
    const what = 'columns must be a list of at least one name or column, or a map of names to headers'
    throw badOption(`${what}; leave it out to take those of the first row`)
  }
  return list.map((column: unknown) => toColumn(column, quoting))
}

export function namedColumn(key: string): Column {
  return { header: key, key, value: undefined, format: undefined, quoting: undefined }
}

function isMap(columns: unknown): columns is object {
  return typeof columns === 'object' && columns !== null && !Array.isArray(columns)
}

function toColumn(column: unknown, tableQuoting: Quoting): Column {
  if (typeof column === 'string') return namedColumn(column)
  const given = Object(column) as Record<string, unknown>
  rejectUnknown(given, KNOWN, badOption, 'property of a column')
  const { key, value, format, quoting, header = key } = given
  const fromKey = typeof key === 'string' && value === undefined
  const computed = key === undefined && typeof value === 'function' && format === undefined
  if (typeof header !== 'string' || (!fromKey && !computed)) {
    throw badOption(`A column must be a name, { key, header } or { header, value } (got ${show(column)})`)
  }
  if (format !== undefined && typeof format !== 'function') {
    throw badOption(`format of the column ${show(header)} must be a function (got ${show(format)})`)
  }
  if (
    quoting !== undefined &&
    (tableQuoting === 'none' || quoting === 'none' || !QUOTINGS.includes(quoting as Quoting))
  ) {
    throw badOption(
      `quoting of the column ${show(header)} must be 'minimal', 'all' or 'strings' (got ${show(quoting)})`,
    )
  }
  return { header, key, value, format, quoting } as Column
}
