import type { StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, replaceFields, show } from '@catzilla/streaming/format'
import { Dialect, type FormulaPolicy, type RecordDelimiter } from './dialect.ts'
import { contentDisposition } from './disposition.ts'
import { csvError, requireOneOf } from './errors.ts'

/** One column of object rows, under a header of its own. */
export interface CsvColumn<Key extends string = string> {
  readonly key: Key
  /** @defaultValue the key */
  readonly header?: string | undefined
}

/** Keys that rows of this type have; any name where the type does not say. */
type ColumnKey<Row> = Row extends readonly unknown[]
  ? string
  : [keyof Row] extends [never]
    ? string
    : keyof Row & string

export interface CsvOptions<Row = unknown> extends Pick<
  StreamOptions<never>,
  'status' | 'headers' | 'highWaterMark' | 'deadlines'
> {
  /**
   * The columns in their order. Object rows: the keys to write; other keys are left out. Array rows: the headers.
   * Without it, the keys of the first object row are the columns.
   */
  columns?: readonly (ColumnKey<Row> | CsvColumn<ColumnKey<Row>>)[]
  /**
   * Whether the first record is a header. Array rows without `columns` bring it themselves, as their first row.
   * A header whose columns are known is written for no rows at all, too.
   * @defaultValue true
   */
  header?: boolean
  /**
   * Object rows: what becomes of a key that is no column.
   * @defaultValue 'ignore' with `columns`, which choose; 'error' without, as data would be lost without a word
   */
  unknownKeys?: 'error' | 'ignore'
  /**
   * Text that a spreadsheet would run as a formula (CWE-1236) gets a `'` in front, breaks the stream, or goes out as it is. Such
   * text begins with `=`, `+`, `-`, `@` (also in full width), TAB, CR or LF, after spaces or not. Numbers are never touched, nor
   * is text that is nothing but a number. Use 'allow' where programs read the file and every character must survive.
   * @defaultValue 'escape'
   */
  formulas?: FormulaPolicy
  /**
   * Text for `null` and `undefined`. A string of the same text is quoted, so that a reader can tell.
   * @defaultValue ''
   */
  nullText?: string
  /**
   * One character between fields.
   * @defaultValue ','
   */
  delimiter?: string
  /**
   * One character around fields that need it; doubled inside of them.
   * @defaultValue '"'
   */
  quote?: string
  /** @defaultValue '\r\n' */
  recordDelimiter?: RecordDelimiter
  /**
   * Begins with U+FEFF, by which Excel knows UTF-8.
   * @defaultValue false
   */
  bom?: boolean
  /**
   * Offers the body as a download under this name (`Content-Disposition: attachment`). Folders are cut off.
   * @see RFC 6266, RFC 8187
   */
  filename?: string
}

/** A column after checking. */
export interface Column {
  readonly key: string
  readonly header: string
}

/** Options after checking, with every default in place. */
export interface ResolvedOptions {
  readonly dialect: Dialect
  readonly columns: readonly Column[] | undefined
  readonly header: boolean
  readonly unknownKeys: 'error' | 'ignore'
  readonly bom: boolean
  readonly stream: StreamOptions<unknown>
}

export const DEFAULTS: Filled = Object.freeze({
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  columns: undefined,
  header: true,
  unknownKeys: undefined,
  formulas: 'escape',
  nullText: '',
  delimiter: ',',
  quote: '"',
  recordDelimiter: '\r\n',
  bom: false,
  filename: undefined,
})

/** Every option by name, with a value where it has a default. */
type Filled = { readonly [Name in keyof CsvOptions]-?: CsvOptions[Name] | undefined } & Readonly<
  Required<Pick<CsvOptions, 'header' | 'formulas' | 'nullText' | 'delimiter' | 'quote' | 'recordDelimiter' | 'bom'>>
>

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} `CZ_CSV_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveOptions(options: CsvOptions<never> = {}): ResolvedOptions {
  rejectUnknown(options, DEFAULTS, badOption)
  const given: Filled = { ...DEFAULTS, ...defined(options) }
  const { header, bom, filename, headers, status, highWaterMark, deadlines } = given
  requireOneOf('header', header, [true, false])
  requireOneOf('bom', bom, [true, false])
  const columns = toColumns(given.columns)
  const unknownKeys = given.unknownKeys ?? (columns === undefined ? 'error' : 'ignore')
  requireOneOf('unknownKeys', unknownKeys, ['error', 'ignore'])

  // RFC 4180 §3; RFC 7111 §5.1: `header` says whether the first record is one.
  const fields: [string, string][] = [
    ['content-type', `text/csv; charset=utf-8; header=${header ? 'present' : 'absent'}`],
  ]
  if (filename !== undefined) fields.push(['content-disposition', contentDisposition(filename)])
  return {
    dialect: new Dialect(given),
    columns,
    header,
    unknownKeys,
    bom,
    stream: {
      headers: replaceFields(fields, headers),
      ...defined({ status, highWaterMark, deadlines }),
    },
  }
}

function toColumns(columns: readonly unknown[] | undefined): readonly Column[] | undefined {
  if (columns === undefined) return undefined
  if (!Array.isArray(columns) || columns.length === 0) {
    throw badOption(
      'columns must be a list of at least one name or { key, header }; leave it out to take those of the first row',
    )
  }
  return columns.map((column: unknown) => {
    if (typeof column === 'string') return { key: column, header: column }
    const { key, header = key, ...rest } = Object(column) as Record<string, unknown>
    const unknown = Object.keys(rest)[0]
    if (unknown !== undefined) throw badOption(`A column has key and header only (got ${show(unknown)})`)
    if (typeof key === 'string' && typeof header === 'string') return { key, header }
    throw badOption(`A column must be a name or { key, header } (got ${show(column)})`)
  })
}

function badOption(message: string): Error {
  return csvError('CZ_CSV_OPTION', message)
}
