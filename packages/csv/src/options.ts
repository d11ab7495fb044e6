import type { StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, replaceFields, show } from '@catzilla/streaming/format'
import { toColumns, type Column, type CsvColumns } from './columns.ts'
import { Dialect, type Quoting, type RecordDelimiter } from './dialect.ts'
import { contentDisposition } from './disposition.ts'
import { badOption, requireOneOf } from './errors.ts'
import type { FormulaPolicy } from './formula.ts'
import { PROFILES, resolveLocale, type CsvProfile } from './profiles.ts'

/** Where a value stands. */
export interface FieldContext {
  /** Number of the row, from 1. */
  readonly row: number
  /** Index of the column, from 0. */
  readonly column: number
  /** Text of the header; `undefined` where there is none. */
  readonly header: string | undefined
}

/** What a cast gives: text, or what needs no cast. `null` and `undefined` become `nullText`. */
export type CastResult = string | number | bigint | boolean | null | undefined

/** How values become text, by type, where the default is not wanted. */
export interface Casts {
  readonly string?: (value: string, at: FieldContext) => CastResult
  /** NaN and infinite numbers come here, too. */
  readonly number?: (value: number, at: FieldContext) => CastResult
  readonly bigint?: (value: bigint, at: FieldContext) => CastResult
  readonly boolean?: (value: boolean, at: FieldContext) => CastResult
  /** Invalid dates come here, too. */
  readonly date?: (value: Date, at: FieldContext) => CastResult
  /** Arrays and all objects but dates. */
  readonly object?: (value: object, at: FieldContext) => CastResult
}

/** What decides the text of a file. */
export interface CsvFormatOptions<Row = unknown> {
  /**
   * For whom the file is. Other options are taken before those of the profile.
   *
   * - `rfc4180`: programs and spreadsheets.
   * - `excel`: a byte order mark, separators by `locale`, and long digits and leading zeros as text.
   * - `tsv`: `text/tab-separated-values`, without quotes. A text with a tab or line end is an error, unless `escape` is given.
   * - `postgres`: for `COPY … FROM STDIN (FORMAT csv, HEADER, NULL '\N')`, every text as it is.
   *
   * @defaultValue 'rfc4180'
   */
  profile?: CsvProfile
  /**
   * Profile `excel`: whose Excel opens the file (BCP 47, such as `de-DE`). Where the decimal sign is a comma, fields are separated
   * by `;` and numbers have that comma, as Excel expects it there.
   */
  locale?: string
  /**
   * The columns in their order: keys, keys with more about them, computed columns, or a map of keys to headers. Other keys of object
   * rows are left out. For array rows these are the headers. Without it, the keys of the first object row are the columns.
   */
  columns?: CsvColumns<Row>
  /**
   * Object rows without `columns`: the columns are the keys of so many rows, which are held back until all are there.
   * @defaultValue 1
   */
  discoverRows?: number
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
   * is text that is nothing but a number. Use 'off' where programs read the file and every character must survive.
   * @defaultValue 'escape'
   */
  formulas?: FormulaPolicy
  /**
   * Text for `null` and `undefined`, which never gets quotes. A string of the same text is quoted, so that a reader can tell.
   * @defaultValue ''
   */
  nullText?: string
  /**
   * Which fields get quotes: those that need them, all, or all texts. `none` is for formats without quotes: what would need them is
   * an error, or gets `escape` in front.
   * @defaultValue 'minimal'
   */
  quoting?: Quoting
  /**
   * Between fields; one character or more.
   * @defaultValue ','
   */
  delimiter?: string
  /**
   * One character around fields that need it.
   * @defaultValue '"'
   */
  quote?: string
  /**
   * One character in front of quotes, and of itself, inside of quotes.
   * @defaultValue the quote, which is doubled that way
   */
  escape?: string
  /**
   * What ends a record, the last one too.
   * @defaultValue '\r\n'
   */
  eol?: RecordDelimiter
  /**
   * Begins with U+FEFF, by which Excel knows UTF-8.
   * @defaultValue false
   */
  bom?: boolean
  /** How values become text, by type. */
  casts?: Casts
}

export interface CsvOptions<Row = unknown>
  extends CsvFormatOptions<Row>, Pick<StreamOptions<never>, 'status' | 'headers' | 'highWaterMark' | 'deadlines'> {
  /**
   * Offers the body as a download under this name (`Content-Disposition: attachment`). Folders are cut off.
   * @see RFC 6266, RFC 8187
   */
  filename?: string
}

/** Options after checking, with every default in place. */
export interface ResolvedOptions {
  readonly dialect: Dialect
  readonly columns: readonly Column[] | undefined
  readonly discoverRows: number
  readonly header: boolean
  readonly unknownKeys: 'error' | 'ignore'
  readonly formulas: FormulaPolicy
  readonly protectDigits: boolean
  readonly bom: boolean
  readonly casts: Casts
  readonly mediaType: string
}

const FORMAT_DEFAULTS = Object.freeze({
  profile: 'rfc4180',
  locale: undefined,
  columns: undefined,
  discoverRows: 1,
  header: true,
  unknownKeys: undefined,
  formulas: 'escape',
  nullText: '',
  quoting: 'minimal',
  delimiter: ',',
  quote: '"',
  escape: undefined,
  eol: '\r\n',
  bom: false,
  casts: Object.freeze({}),
} satisfies FilledFormat)

export const DEFAULTS = Object.freeze({
  ...FORMAT_DEFAULTS,
  filename: undefined,
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
})

/** Every option by name, with a value where it has a default. */
type FilledFormat = { readonly [Name in keyof CsvFormatOptions]-?: CsvFormatOptions[Name] | undefined } & Readonly<
  Required<
    Pick<
      CsvFormatOptions,
      | 'profile'
      | 'discoverRows'
      | 'header'
      | 'formulas'
      | 'nullText'
      | 'quoting'
      | 'delimiter'
      | 'quote'
      | 'eol'
      | 'bom'
      | 'casts'
    >
  >
>

const CASTS: Record<keyof Casts, true> = {
  string: true,
  number: true,
  bigint: true,
  boolean: true,
  date: true,
  object: true,
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} `CZ_CSV_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveFormat<Row>(options: CsvFormatOptions<Row> = {}): ResolvedOptions {
  rejectUnknown(options, FORMAT_DEFAULTS, badOption)
  return fillIn(options)
}

/** The same for a response. @internal */
export function resolveOptions<Row>(
  options: CsvOptions<Row> = {},
): ResolvedOptions & { stream: StreamOptions<unknown> } {
  rejectUnknown(options, DEFAULTS, badOption)
  const { filename, status, headers, highWaterMark, deadlines, ...format } = options
  const resolved = fillIn(format)
  const fields: [string, string][] = [['content-type', resolved.mediaType]]
  if (filename !== undefined) fields.push(['content-disposition', contentDisposition(filename)])
  const stream = { headers: replaceFields(fields, headers), ...defined({ status, highWaterMark, deadlines }) }
  return { ...resolved, stream }
}

function fillIn(options: object): ResolvedOptions {
  const own = defined(options) as Partial<FilledFormat>
  const { profile = 'rfc4180' } = own
  requireOneOf('profile', profile, Object.keys(PROFILES))
  const { mediaType, protectDigits = false, alsoQuoted = '', ...preset } = PROFILES[profile]
  const localized = resolveLocale(profile, own.locale)
  const given: FilledFormat = { ...FORMAT_DEFAULTS, ...preset, ...localized.format, ...own }

  const { header, bom, formulas, discoverRows, columns } = given
  requireOneOf('header', header, [true, false])
  requireOneOf('bom', bom, [true, false])
  requireOneOf('formulas', formulas, ['escape', 'reject', 'off'])
  const unknownKeys = given.unknownKeys ?? (columns === undefined ? 'error' : 'ignore')
  requireOneOf('unknownKeys', unknownKeys, ['error', 'ignore'])
  if (!Number.isSafeInteger(discoverRows) || discoverRows < 1) {
    throw badOption(`discoverRows must be a whole number from 1 on (got ${show(discoverRows)})`)
  }
  const type = mediaType ?? `text/csv; charset=utf-8`
  return {
    dialect: new Dialect({ ...given, escape: given.escape, alsoQuoted }),
    columns: toColumns(columns, given.quoting),
    discoverRows,
    header,
    unknownKeys,
    formulas,
    protectDigits,
    bom,
    casts: { ...localized.casts, ...checkedCasts(given.casts) },
    // RFC 4180 §3; RFC 7111 §5.1: `header` says whether the first record is one.
    mediaType: mediaType === undefined ? `${type}; header=${header ? 'present' : 'absent'}` : type,
  }
}

function checkedCasts(casts: Casts): Casts {
  if (typeof casts !== 'object' || casts === null) throw badOption(`casts must be an object (got ${show(casts)})`)
  rejectUnknown(casts, CASTS, badOption, 'cast')
  const given = defined(casts)
  for (const [name, cast] of Object.entries(given)) {
    if (typeof cast !== 'function') throw badOption(`casts.${name} must be a function (got ${show(cast)})`)
  }
  return given
}
