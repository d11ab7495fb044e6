import { show } from '@catzilla/streaming/format'
import { csvError, requireOneOf } from './errors.ts'

/** What becomes of text that a spreadsheet would run as a formula. */
export type FormulaPolicy = 'escape' | 'reject' | 'allow'

export type RecordDelimiter = '\r\n' | '\n' | '\r'

interface DialectOptions {
  readonly delimiter: string
  readonly quote: string
  readonly recordDelimiter: RecordDelimiter
  readonly formulas: FormulaPolicy
  readonly nullText: string
}

/**
 * How fields and records look, with everything worked out that does not depend on a row.
 *
 * @see RFC 4180 §2
 */
export class Dialect {
  readonly delimiter: string
  readonly recordDelimiter: RecordDelimiter
  readonly formulas: FormulaPolicy
  private readonly quote: string
  private readonly nullText: string
  /** `null` and `undefined` in the form of the file. */
  readonly nullField: string
  /** Numbers, booleans and dates never need quotes: neither delimiter nor quote occurs in one. */
  private readonly scalarsAreClean: boolean
  private readonly delimiterCode: number
  private readonly quoteCode: number
  /** No character above this one needs quotes. */
  private readonly lastSpecialCode: number

  /** @throws {TypeError} `CZ_CSV_OPTION` */
  constructor({ delimiter, quote, recordDelimiter, formulas, nullText }: DialectOptions) {
    requireCharacter('delimiter', delimiter)
    requireCharacter('quote', quote)
    if (delimiter === quote) {
      throw csvError('CZ_CSV_OPTION', `delimiter and quote must differ (both are ${show(quote)})`)
    }
    requireOneOf('recordDelimiter', recordDelimiter, ['\r\n', '\n', '\r'])
    requireOneOf('formulas', formulas, ['escape', 'reject', 'allow'])
    if (typeof nullText !== 'string') {
      throw csvError('CZ_CSV_OPTION', `nullText must be a string (got ${show(nullText)})`)
    }
    this.delimiter = delimiter
    this.recordDelimiter = recordDelimiter
    this.formulas = formulas
    this.quote = quote
    this.nullText = nullText
    this.delimiterCode = delimiter.charCodeAt(0)
    this.quoteCode = quote.charCodeAt(0)
    this.lastSpecialCode = Math.max(this.delimiterCode, this.quoteCode, CR)
    this.scalarsAreClean = !SCALAR_CHARACTER.test(delimiter) && !SCALAR_CHARACTER.test(quote)
    this.nullField = this.needsQuotes(nullText) ? this.quoted(nullText) : nullText
  }

  /** Text as a field, quoted where a reader would otherwise take it for something else. */
  text(text: string): string {
    return this.needsQuotes(text) || (text === this.nullText && text !== '') ? this.quoted(text) : text
  }

  /** A number, boolean or date as a field. */
  scalar(text: string): string {
    return this.scalarsAreClean ? text : this.text(text)
  }

  quoted(text: string): string {
    const { quote } = this
    return quote + (text.includes(quote) ? text.replaceAll(quote, quote + quote) : text) + quote
  }

  /** Quotes the first field of `records`, which is unquoted so far. */
  quoteFirst(records: string): string {
    let end = 0
    while (!this.endsField(records.charCodeAt(end))) end++
    return this.quoted(records.slice(0, end)) + records.slice(end)
  }

  private endsField(code: number): boolean {
    return code === this.delimiterCode || code === CR || code === LF
  }

  /**
   * RFC 4180 §2.6: delimiter, quote, CR and LF need quotes, whatever the record delimiter is. Space and TAB at an end get them
   * too: the RFC makes them part of the field, but many readers cut them off where there are no quotes.
   */
  private needsQuotes(text: string): boolean {
    const { length } = text
    if (length === 0) return false
    if (isBlank(text.charCodeAt(0)) || isBlank(text.charCodeAt(length - 1))) return true
    return length < LONG ? this.hasSpecial(text) : this.longHasSpecial(text)
  }

  private hasSpecial(text: string): boolean {
    const { lastSpecialCode, delimiterCode, quoteCode } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > lastSpecialCode) continue
      if (code === delimiterCode || code === quoteCode || code === LF || code === CR) return true
    }
    return false
  }

  private longHasSpecial(text: string): boolean {
    return text.includes(this.delimiter) || text.includes(this.quote) || text.includes('\n') || text.includes('\r')
  }
}

/**
 * From this length on, four searches by the engine, which look at many characters at once, beat one loop over them
 * (`bench/encode.mjs`).
 */
const LONG = 24

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20

/** What numbers and ISO dates are written with, besides letters and digits. */
const SCALAR_CHARACTER = /[+\-.:]/

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

function requireCharacter(name: string, text: string): void {
  // Half a surrogate pair would be found inside other characters.
  if (typeof text === 'string' && text.length === 1 && !/[\r\n0-9A-Za-z\p{Cs}]/u.test(text)) return
  const what = 'must be one character that is no letter, digit, CR or LF'
  throw csvError('CZ_CSV_OPTION', `${name} ${what} (got ${show(text)})`)
}
