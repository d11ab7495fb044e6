import { show } from '@catzilla/streaming/format'
import type { Dialect } from './dialect.ts'
import { csvError } from './errors.ts'
import { isFormula } from './formula.ts'
import type { Column, ResolvedOptions } from './options.ts'

type ObjectRow = Readonly<Record<string, unknown>>

const BYTE_ORDER_MARK = '\uFEFF'

/**
 * Makes CSV of rows, one after another: `encode()` gives the text of a row (the first with what comes before it), `tail()`
 * what is left to write at the end. It keeps what holds for a whole file: its columns, and the number of its rows.
 */
export class CsvEncoder {
  private readonly dialect: Dialect
  private readonly guarded: boolean
  /** Rows taken so far. */
  private rows = 0
  /** The first row decides whether rows are arrays or objects. */
  private rowsAreArrays = false
  /** The texts of the header; `undefined` where array rows bring their own. */
  private headers: readonly string[] | undefined
  private keys: readonly string[] = []
  private keySet: ReadonlySet<string> = new Set()
  /** Fields of a record; RFC 4180 §2.4: the same for all. */
  private width = 0
  /** So far every object row had the columns as its keys, in their order: then no key has to be looked up. */
  private keysAreColumns = true

  constructor(private readonly options: ResolvedOptions) {
    this.dialect = options.dialect
    this.guarded = options.dialect.formulas !== 'allow'
    if (options.columns !== undefined) this.setColumns(options.columns)
  }

  /** @throws {TypeError} `CZ_CSV_ROW`, `CZ_CSV_COLUMN`, `CZ_CSV_VALUE`, `CZ_CSV_FORMULA`, naming row and column. */
  encode(row: unknown): string {
    this.rows++
    if (this.rows === 1) return this.encodeFirst(row)
    return this.rowsAreArrays ? this.arrayRecord(row) : this.objectRecord(row)
  }

  /** The header, where no row has brought it. */
  tail(): string | undefined {
    if (this.rows > 0 || !this.options.header || this.headers === undefined) return undefined
    return this.begin(this.headerRecord(this.headers))
  }

  // ── the first row ──────────────────────────────────────────────────────────────────────────────────────────────────

  private encodeFirst(row: unknown): string {
    this.rowsAreArrays = Array.isArray(row)
    if (this.headers === undefined) this.discoverColumns(row)
    const header = this.options.header && this.headers !== undefined ? this.headerRecord(this.headers) : ''
    return this.begin(header + (this.rowsAreArrays ? this.arrayRecord(row) : this.objectRecord(row)))
  }

  private discoverColumns(row: unknown): void {
    if (Array.isArray(row)) {
      if (row.length === 0) throw this.badRow('is an empty array', 'give it a field')
      this.width = row.length
      return
    }
    const keys = isObjectRow(row) ? Object.keys(row) : []
    if (keys.length === 0) throw this.badRow(`is ${describe(row)}`, ROW_CURE)
    this.setColumns(keys.map((key) => ({ key, header: key })))
  }

  private setColumns(columns: readonly Column[]): void {
    this.headers = columns.map(({ header }) => header)
    this.keys = columns.map(({ key }) => key)
    this.keySet = new Set(this.keys)
    this.width = columns.length
  }

  private headerRecord(headers: readonly string[]): string {
    return this.record(headers.map((header, column) => this.text(header, column, true)).join(this.dialect.delimiter))
  }

  /**
   * The very start of the file. Excel takes a file that begins with `ID` for SYLK and refuses it, and readers drop a U+FEFF as
   * byte order mark: quotes around such a first field save both.
   */
  private begin(text: string): string {
    const { dialect, options } = this
    const risky = text.startsWith('ID') || text.startsWith(BYTE_ORDER_MARK)
    return (options.bom ? BYTE_ORDER_MARK : '') + (risky ? dialect.quoteFirst(text) : text)
  }

  // ── records ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private arrayRecord(row: unknown): string {
    if (!Array.isArray(row))
      throw this.badRow(`is ${describe(row)}, but the first was an array`, 'give all rows one form')
    const { width, dialect } = this
    if (row.length > width) throw this.tooLong(row.length)
    let record = this.field(row[0], 0)
    for (let column = 1; column < width; column++) record += dialect.delimiter + this.field(row[column], column)
    return this.record(record)
  }

  private objectRecord(row: unknown): string {
    if (!isObjectRow(row)) throw this.badRow(`is ${describe(row)}`, ROW_CURE)
    if (!this.keysAreColumns) return this.lookedUpRecord(row)
    const { keys, width, dialect } = this
    let record = ''
    let column = 0
    for (const key in row) {
      if (key !== keys[column]) return this.lookedUpRecord(row)
      const field = this.field(row[key], column)
      record += column === 0 ? field : dialect.delimiter + field
      column++
    }
    return column === width ? this.record(record) : this.lookedUpRecord(row)
  }

  private lookedUpRecord(row: ObjectRow): string {
    this.keysAreColumns = false
    const { keys, width, dialect } = this
    let record = ''
    let found = false
    for (let column = 0; column < width; column++) {
      const value = read(row, keys[column]!)
      if (value !== undefined) found = true
      const field = this.field(value, column)
      record += column === 0 ? field : dialect.delimiter + field
    }
    if (this.options.unknownKeys === 'error') this.refuseUnknownKeys(row)
    if (!found) this.refuseStranger(row)
    return this.record(record)
  }

  private refuseUnknownKeys(row: ObjectRow): void {
    for (const key in row) {
      if (this.keySet.has(key)) continue
      const what = `Row ${this.rows} has the key ${show(key)}, which is no column (${list(this.keys)})`
      throw csvError('CZ_CSV_COLUMN', `${what}; name the columns to write, or set unknownKeys: 'ignore'`)
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

  private record(fields: string): string {
    // An empty line is no record for most readers, so a single empty field gets quotes.
    return (fields === '' ? this.dialect.quoted('') : fields) + this.dialect.recordDelimiter
  }

  // ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private field(value: unknown, column: number): string {
    switch (typeof value) {
      case 'string':
        return this.text(value, column)
      case 'number':
        if (Number.isFinite(value)) return this.dialect.scalar(String(value))
        throw this.badValue(value, column, 'map it to null or text first')
      case 'boolean':
      case 'bigint':
        return this.dialect.scalar(String(value))
      case 'undefined':
        return this.dialect.nullField
      case 'object':
        return value === null ? this.dialect.nullField : this.objectField(value, column)
      default:
        throw this.badValue(value, column, 'map it to text first')
    }
  }

  private text(text: string, column: number, isHeader = false): string {
    if (!this.guarded || !isFormula(text)) return this.dialect.text(text)
    if (this.dialect.formulas === 'escape') return this.dialect.text(`'${text}`)
    const where = isHeader ? `The header ${column + 1}` : `Column ${this.nameOf(column)} of row ${this.rows}`
    const what = `${where} would be run as a formula (${show(text)})`
    throw csvError('CZ_CSV_FORMULA', `${what}; clean it, or choose formulas: 'escape' or 'allow'`)
  }

  /** Dates, and what says of itself how it is written: decimals, object ids, other date types. */
  private objectField(value: object, column: number): string {
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw this.badValue(value, column, 'map it to null or text first')
      return this.dialect.scalar(value.toISOString())
    }
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') {
      const plain: unknown = toJSON.call(value, '')
      if (plain === null || (typeof plain !== 'object' && plain !== undefined)) return this.field(plain, column)
    }
    throw this.badValue(value, column, 'map it to text first, such as by JSON.stringify()')
  }

  // ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private nameOf(column: number): string {
    return this.headers === undefined ? String(column + 1) : show(this.headers[column])
  }

  private badRow(what: string, cure: string): Error {
    return csvError('CZ_CSV_ROW', `Row ${this.rows} ${what}; ${cure}`)
  }

  private tooLong(length: number): Error {
    return csvError('CZ_CSV_COLUMN', `Row ${this.rows} has ${length} fields, but there are ${this.width} columns`)
  }

  private badValue(value: unknown, column: number, cure: string): Error {
    const what = `Column ${this.nameOf(column)} of row ${this.rows} has no form in CSV (${describe(value)})`
    return csvError('CZ_CSV_VALUE', `${what}; ${cure}`)
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

function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${show(value)}`
  if (typeof value !== 'object' || value === null) return show(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return show(value)
  const { name } = (value.constructor as { name?: unknown } | undefined) ?? {}
  return typeof name === 'string' && name !== 'Object' ? `an object of class ${name}` : 'an object'
}

function list(names: readonly string[]): string {
  const few = names.slice(0, 20).map(show).join(', ')
  return names.length > 20 ? `${few} …` : few
}
