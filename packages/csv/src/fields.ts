import { show } from '@catzilla/streaming/format'
import { describe } from './describe.ts'
import { csvError } from './errors.ts'
import { isFormula } from './formula.ts'
import type { Quoting } from './dialect.ts'
import type { Casts, FieldContext, ResolvedOptions } from './options.ts'

/** Text that Excel would take for a number and change: it drops leading zeros, and keeps 15 digits. */
const EXCEL_CHANGES = /^[+-]?(?:0\d+|\d{16,})$/

/** Makes the text of fields: what each value is, which quotes it gets, and what is refused. */
export class FieldEncoder {
  /** The number of the row, from 1; for errors. */
  row = 0
  /** The texts of the header; `undefined` where there are none. */
  headers: readonly string[] | undefined
  /** Where a column has its own. */
  quotings: readonly (Quoting | undefined)[] = []
  /** Fields of a record; RFC 4180 §2.4: the same for all. */
  width = 0
  private readonly guarded: boolean
  private readonly casts: Casts

  constructor(private readonly options: ResolvedOptions) {
    this.guarded = options.formulas !== 'off'
    this.casts = options.casts
  }

  /** @throws {TypeError} `CZ_CSV_VALUE`, `CZ_CSV_FORMULA`, naming row and column. */
  encode(value: unknown, column: number): string {
    const { casts, options } = this
    switch (typeof value) {
      case 'string':
        return casts.string === undefined
          ? this.text(value, column)
          : this.castText(casts.string(value, this.at(column)), column)
      case 'number':
        if (casts.number !== undefined) return this.castScalar(casts.number(value, this.at(column)), column)
        if (!Number.isFinite(value))
          throw this.refused(value, column, 'map it to null or text first, or give casts.number')
        return this.digits(String(value), column)
      case 'boolean':
        if (casts.boolean !== undefined) return this.castScalar(casts.boolean(value, this.at(column)), column)
        return this.scalar(String(value), column)
      case 'bigint':
        if (casts.bigint !== undefined) return this.castScalar(casts.bigint(value, this.at(column)), column)
        return this.digits(String(value), column)
      case 'undefined':
        return options.dialect.nullField
      case 'object':
        return value === null ? options.dialect.nullField : this.object(value, column)
      default:
        throw this.refused(value, column, 'map it to text first')
    }
  }

  header(text: string, column: number): string {
    return this.text(text, column, true)
  }

  // ── text ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  private text(text: string, column: number, isHeader = false): string {
    const { options } = this
    if (options.protectDigits && EXCEL_CHANGES.test(text)) return this.protectedDigits(text)
    if (!this.guarded || !isFormula(text)) return this.quotedText(text, column, isHeader)
    if (options.formulas === 'escape') return this.quotedText(`'${text}`, column, isHeader)
    const where = isHeader ? `The header ${column + 1}` : `Column ${this.nameOf(column)} of row ${this.row}`
    const what = `${where} would be run as a formula (${show(text)})`
    throw csvError('CZ_CSV_FORMULA', `${what}; clean it, or choose formulas: 'escape' or 'off'`)
  }

  private quotedText(text: string, column: number, isHeader: boolean): string {
    const { dialect } = this.options
    if (!dialect.cannotHold(text)) return dialect.text(text, this.quotings[column])
    const where = isHeader ? `The header ${column + 1}` : `Column ${this.nameOf(column)} of row ${this.row}`
    const what = `${where} has a delimiter or line end (${show(text)}), which has no form without quotes`
    throw csvError('CZ_CSV_VALUE', `${what}; clean it, or give an escape character`)
  }

  private scalar(text: string, column: number): string {
    return this.options.dialect.scalar(text, this.quotings[column])
  }

  private digits(text: string, column: number): string {
    if (this.options.protectDigits && EXCEL_CHANGES.test(text)) return this.protectedDigits(text)
    return this.scalar(text, column)
  }

  /** A formula that gives the text: the one form in which Excel leaves digits alone. */
  private protectedDigits(text: string): string {
    return this.options.dialect.quoted(`="${text}"`)
  }

  // ── objects ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Dates; what says of itself how it is written (decimals, object ids, other date types); and JSON of all else. */
  private object(value: object, column: number): string {
    const { casts } = this
    if (value instanceof Date) {
      if (casts.date !== undefined) return this.castScalar(casts.date(value, this.at(column)), column)
      if (Number.isNaN(value.getTime()))
        throw this.refused(value, column, 'map it to null or text first, or give casts.date')
      return this.scalar(value.toISOString(), column)
    }
    if (casts.object !== undefined) return this.castText(casts.object(value, this.at(column)), column)
    if (hasNoJson(value)) throw this.refused(value, column, 'map it to text first, or give casts.object')
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') {
      const plain: unknown = toJSON.call(value, '')
      if (plain === null || (typeof plain !== 'object' && plain !== undefined)) return this.encode(plain, column)
    }
    let json: string | undefined
    try {
      json = JSON.stringify(value) as string | undefined
    } catch (cause) {
      throw this.refused(value, column, 'map it to text first, or give casts.object', cause)
    }
    return json === undefined ? this.options.dialect.nullField : this.text(json, column)
  }

  // ── casts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private at(column: number): FieldContext {
    return { row: this.row, column, header: this.headers?.[column] }
  }

  /** What was made of text or of an object may carry text of strangers: it is guarded as text is. */
  private castText(result: unknown, column: number): string {
    if (result === null || result === undefined) return this.options.dialect.nullField
    if (typeof result === 'string') return this.text(result, column)
    return this.castScalar(result, column)
  }

  /** What was made of a number, boolean or date is nobody's formula. */
  private castScalar(result: unknown, column: number): string {
    switch (typeof result) {
      case 'string':
        return this.quotedText(result, column, false)
      case 'number':
        if (!Number.isFinite(result)) throw this.refused(result, column, 'a cast gives text or a finite number')
        return this.digits(String(result), column)
      case 'bigint':
        return this.digits(String(result), column)
      case 'boolean':
        return this.scalar(String(result), column)
      default:
        if (result === null || result === undefined) return this.options.dialect.nullField
        throw this.refused(result, column, 'a cast gives text, a number, a boolean or null')
    }
  }

  // ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  nameOf(column: number): string {
    return this.headers === undefined ? String(column + 1) : show(this.headers[column])
  }

  private refused(value: unknown, column: number, cure: string, cause?: unknown): Error {
    const what = `Column ${this.nameOf(column)} of row ${this.row} has no form in CSV (${describe(value)})`
    return csvError('CZ_CSV_VALUE', `${what}; ${cure}`, cause)
  }
}

/** What JSON.stringify takes for an empty object although it has content; and bytes, which it writes as numbered keys. */
function hasNoJson(value: object): boolean {
  if (Array.isArray(value)) return false
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Error) return true
  if ('toJSON' in value) return false
  return Symbol.iterator in value || Symbol.asyncIterator in value || 'then' in value
}
