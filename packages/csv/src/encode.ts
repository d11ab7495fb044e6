import { show } from '@catzilla/streaming/format'
import { namedColumn, type Column } from './columns.ts'
import { describe, list } from './describe.ts'
import { csvError } from './errors.ts'
import { FieldEncoder } from './fields.ts'
import type { ResolvedOptions } from './options.ts'
import { TextOutput, type RecordOutput } from './record-output.ts'

type ObjectRow = Readonly<Record<string, unknown>>

const BYTE_ORDER_MARK = '\uFEFF'

/**
 * Makes records of rows, one after another: `write()` gives the fields of a row to an output (with the first row goes what comes
 * before it), `finish()` what is left to write at the end. It keeps what holds for a whole file: its columns, and the number of
 * its rows.
 *
 * Rows are walked with `for … in`, which engines make as fast as code that is generated for the columns (`bench/encode.mjs`), and
 * which tells on the way whether a row has other keys. So no code is generated, and a strict Content Security Policy is no matter.
 */
export class CsvEncoder {
  readonly fields: FieldEncoder
  /** Rows taken so far. */
  private rows = 0
  /** The first record is written, or the header that comes before it. */
  private begun = false
  /** Object rows whose keys are still to become columns. */
  private held: unknown[] = []
  /** The first row decides whether rows are arrays or objects. */
  private rowsAreArrays = false
  private columns: readonly Column[] | undefined
  private keys: readonly string[] = []
  private keySet: ReadonlySet<string> = new Set()
  private width = 0
  /** A column is computed, or its values are formatted. */
  private computes = false
  /** So far every object row had the columns as its keys, in their order: then no key has to be looked up. */
  private keysAreColumns = true

  constructor(private readonly options: ResolvedOptions) {
    this.fields = new FieldEncoder(options)
    if (options.columns !== undefined) this.setColumns(options.columns)
  }

  /** @throws {TypeError} `CZ_CSV_ROW`, `CZ_CSV_COLUMN`, `CZ_CSV_VALUE`, `CZ_CSV_FORMULA`, naming row and column. */
  write(row: unknown, out: RecordOutput): void {
    this.fields.row = ++this.rows
    if (this.begun) this.record(row, out)
    else if (!this.isHeld(row)) this.begin([row], out)
  }

  /** What no row has brought: the header, or rows that were held back. */
  finish(out: RecordOutput): void {
    if (this.begun) return
    if (this.held.length > 0) this.begin(this.held, out)
    else if (this.options.header && this.columns !== undefined)
      out.append(this.opening(this.headerRecord(this.columns)))
  }

  // ── the first record ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the row has to wait for others, to know the columns. */
  private isHeld(row: unknown): boolean {
    const { discoverRows } = this.options
    if (discoverRows === 1 || this.columns !== undefined || (this.held.length === 0 && Array.isArray(row))) return false
    if (!isObjectRow(row)) throw this.badRow(`is ${describe(row)}`, ROW_CURE)
    this.held.push(row)
    if (this.held.length === discoverRows) this.columns = this.discoverColumns(this.held)
    return this.columns === undefined
  }

  private begin(rows: readonly unknown[], out: RecordOutput): void {
    const [first, ...others] = this.held.length > 0 ? this.held : rows
    this.held = []
    this.rowsAreArrays = Array.isArray(first)
    if (this.columns === undefined) this.discoverColumns([first, ...others])
    const text = new TextOutput(this.fields, this.options)
    const header = this.options.header && this.columns !== undefined ? this.headerRecord(this.columns) : ''
    this.fields.row = this.rows - others.length
    this.record(first, text)
    this.begun = true
    out.append(this.opening(header + text.take()))
    for (const row of others) {
      this.fields.row++
      this.record(row, out)
    }
  }

  private discoverColumns(rows: readonly unknown[]): readonly Column[] | undefined {
    const [first] = rows
    if (Array.isArray(first)) {
      if (first.length === 0) throw this.badRow('is an empty array', 'give it a field')
      this.width = this.fields.width = first.length
      return undefined
    }
    const keys = new Set(rows.flatMap((row) => (isObjectRow(row) ? Object.keys(row) : [])))
    if (keys.size === 0) throw this.badRow(`is ${describe(first)}`, ROW_CURE)
    this.setColumns([...keys].map(namedColumn))
    return this.columns
  }

  private setColumns(columns: readonly Column[]): void {
    const { fields } = this
    this.columns = columns
    this.keys = columns.map(({ header, key }) => key ?? header)
    this.keySet = new Set(columns.flatMap(({ key }) => key ?? []))
    this.computes = columns.some(({ value, format }) => value !== undefined || format !== undefined)
    this.width = fields.width = columns.length
    fields.headers = columns.map(({ header }) => header)
    fields.quotings = columns.map(({ quoting }) => quoting)
  }

  private headerRecord(columns: readonly Column[]): string {
    const { dialect } = this.options
    const record = columns.map(({ header }, at) => this.fields.header(header, at)).join(dialect.delimiter)
    return (record === '' && dialect.quoting !== 'none' ? dialect.quoted('') : record) + dialect.eol
  }

  /**
   * The very start of the file. Excel takes a file that begins with `ID` for SYLK and refuses it, and readers drop a U+FEFF as
   * byte order mark: quotes around such a first field save both.
   */
  private opening(text: string): string {
    const { dialect, bom } = this.options
    const risky = text.startsWith('ID') || text.startsWith(BYTE_ORDER_MARK)
    return (bom ? BYTE_ORDER_MARK : '') + (risky && dialect.quoting !== 'none' ? dialect.quoteFirst(text) : text)
  }

  // ── records ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private record(row: unknown, out: RecordOutput): void {
    if (this.rowsAreArrays) this.arrayRecord(row, out)
    else this.objectRecord(row, out)
  }

  private arrayRecord(row: unknown, out: RecordOutput): void {
    if (!Array.isArray(row)) {
      throw this.badRow(`is ${describe(row)}, but the first was an array`, 'give all rows one form')
    }
    const { width } = this
    if (row.length > width) throw this.tooLong(row.length)
    if (this.computes) return this.computedRecord(row, out)
    out.begin()
    for (let column = 0; column < width; column++) out.field(row[column], column)
    out.end()
  }

  private objectRecord(row: unknown, out: RecordOutput): void {
    if (!isObjectRow(row)) throw this.badRow(`is ${describe(row)}`, ROW_CURE)
    if (this.computes) return this.computedRecord(row, out)
    if (!this.keysAreColumns) return this.lookedUpRecord(row, out)
    const { keys, width } = this
    out.begin()
    let column = 0
    for (const key in row) {
      if (key !== keys[column]) return this.lookedUpRecord(row, out)
      out.field(row[key], column)
      column++
    }
    if (column === width) out.end()
    else this.lookedUpRecord(row, out)
  }

  private lookedUpRecord(row: ObjectRow, out: RecordOutput): void {
    this.keysAreColumns = false
    const { keys, width } = this
    let found = false
    out.begin()
    for (let column = 0; column < width; column++) {
      const value = read(row, keys[column]!)
      if (value !== undefined) found = true
      out.field(value, column)
    }
    if (this.options.unknownKeys === 'error') this.refuseUnknownKeys(row)
    if (!found) this.refuseStranger(row)
    out.end()
  }

  private computedRecord(row: ObjectRow | readonly unknown[], out: RecordOutput): void {
    const { columns, rowsAreArrays } = this
    let found = false
    out.begin()
    for (const [at, column] of columns!.entries()) {
      let value: unknown
      try {
        if (column.value !== undefined) value = column.value(row)
        else value = rowsAreArrays ? (row as readonly unknown[])[at] : read(row as ObjectRow, column.key!)
        if (value !== undefined || column.value !== undefined) found = true
        if (column.format !== undefined) value = column.format(value, row)
      } catch (cause) {
        const what = `Column ${this.fields.nameOf(at)} of row ${this.fields.row} could not be computed`
        throw csvError('CZ_CSV_VALUE', `${what}: ${cause instanceof Error ? cause.message : show(cause)}`, cause)
      }
      out.field(value, at)
    }
    if (!rowsAreArrays && this.options.unknownKeys === 'error') this.refuseUnknownKeys(row as ObjectRow)
    if (!rowsAreArrays && !found) this.refuseStranger(row as ObjectRow)
    out.end()
  }

  private refuseUnknownKeys(row: ObjectRow): void {
    for (const key in row) {
      if (this.keySet.has(key)) continue
      const what = `Row ${this.fields.row} has the key ${show(key)}, which is no column (${list(this.keys)})`
      const cure = "name the columns to write, raise discoverRows, or set unknownKeys: 'ignore'"
      throw csvError('CZ_CSV_COLUMN', `${what}; ${cure}`)
    }
  }

  /** A row with none of the columns is a mistake (a Map, a promise, another type of row), unless it is plain and empty. */
  private refuseStranger(row: ObjectRow): void {
    if (this.keys.some((key) => key in row)) return
    const prototype: unknown = Object.getPrototypeOf(row)
    const plain = prototype === Object.prototype || prototype === null
    if (plain && Object.keys(row).length === 0) return
    throw this.badRow(`is ${describe(row)} and has none of the columns (${list(this.keys)})`, ROW_CURE)
  }

  // ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private badRow(what: string, cure: string): Error {
    return csvError('CZ_CSV_ROW', `Row ${this.fields.row} ${what}; ${cure}`)
  }

  private tooLong(length: number): Error {
    return csvError('CZ_CSV_COLUMN', `Row ${this.fields.row} has ${length} fields, but there are ${this.width} columns`)
  }
}

const ROW_CURE = 'a row is an array of fields or an object with a key for each column'

function isObjectRow(row: unknown): row is ObjectRow {
  return typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row)
}

/** What an object inherits from all objects is no field of a row; what a class of rows has (a getter) is. */
function read(row: ObjectRow, key: string): unknown {
  const value = row[key]
  return (typeof value === 'function' || key === '__proto__') && !Object.hasOwn(row, key) ? undefined : value
}
