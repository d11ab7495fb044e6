import { show } from '@catzilla/streaming/format'
import { csvError, requireOneOf } from './errors.ts'

/** What ends a record. */
export type RecordDelimiter = '\r\n' | '\n' | '\r'

/** Which fields get quotes: those that need them, all but `null`, all texts, or none at all. */
export type Quoting = 'minimal' | 'all' | 'strings' | 'none'

export const QUOTINGS: readonly Quoting[] = ['minimal', 'all', 'strings', 'none']

interface DialectOptions {
  readonly delimiter: string
  readonly quote: string
  readonly escape: string | undefined
  readonly eol: RecordDelimiter
  readonly quoting: Quoting
  readonly nullText: string
  /** Characters that need quotes for the sake of one reader. */
  readonly alsoQuoted: string
}

/**
 * How fields and records look, with everything worked out that does not depend on a row.
 *
 * @see RFC 4180 §2
 */
export class Dialect {
  readonly delimiter: string
  readonly eol: RecordDelimiter
  readonly quoting: Quoting
  readonly nullText: string
  /** `null` and `undefined` in the form of the file. */
  readonly nullField: string
  /** 1 for each ASCII character that needs quotes, or an escape where there are no quotes. */
  readonly special: Uint8Array = new Uint8Array(128)
  /** Numbers, booleans and dates need no quotes: nothing special occurs in one. */
  readonly scalarsAreClean: boolean
  readonly quote: string
  /** The quote itself, where nothing else was chosen; `undefined` where there are no quotes, and nothing was chosen. */
  readonly escape: string | undefined
  private readonly specials: readonly string[]

  /** @throws {TypeError} `CZ_CSV_OPTION` */
  constructor({ delimiter, quote, escape, eol, quoting, nullText, alsoQuoted }: DialectOptions) {
    requireDelimiter(delimiter)
    requireCharacter('quote', quote)
    if (escape !== undefined) requireCharacter('escape', escape)
    requireOneOf('eol', eol, ['\r\n', '\n', '\r'])
    requireOneOf('quoting', quoting, QUOTINGS)
    if (typeof nullText !== 'string') {
      throw csvError('CZ_CSV_OPTION', `nullText must be a string (got ${show(nullText)})`)
    }
    const quoted = quoting !== 'none'
    if (quoted && delimiter.includes(quote)) {
      throw csvError('CZ_CSV_OPTION', `delimiter and quote must differ (${show(delimiter)} has ${show(quote)})`)
    }
    if (escape !== undefined && delimiter.includes(escape)) {
      throw csvError('CZ_CSV_OPTION', `delimiter and escape must differ (${show(delimiter)} has ${show(escape)})`)
    }
    this.delimiter = delimiter
    this.eol = eol
    this.quoting = quoting
    this.nullText = nullText
    this.quote = quote
    this.escape = escape ?? (quoted ? quote : undefined)
    // Text that ends as the delimiter begins would move it: its first character is special, wherever it stands.
    const specials = [delimiter[0]!, '\n', '\r', ...(quoted ? [quote] : []), ...(escape === undefined ? [] : [escape])]
    this.specials = specials
    this.nullField = quoted && this.needsQuotes(nullText) ? this.quoted(nullText) : nullText
    this.specials = [...new Set([...specials, ...Array.from(alsoQuoted)])]
    for (const character of this.specials) {
      const code = character.charCodeAt(0)
      if (code < this.special.length) this.special[code] = 1
    }
    this.scalarsAreClean = this.specials.every((character) => !SCALAR_CHARACTER.test(character))
  }

  /** Text as a field, quoted where a reader would otherwise take it for something else. */
  text(text: string, quoting: Quoting = this.quoting): string {
    switch (quoting) {
      case 'minimal': {
        const isNull = text === this.nullText && text !== ''
        return isNull || this.needsQuotes(text) ? this.quoted(text) : text
      }
      case 'none':
        return this.hasSpecial(text) ? this.escaped(text) : text
      default:
        return this.quoted(text)
    }
  }

  /** A number, boolean or date as a field. */
  scalar(text: string, quoting: Quoting = this.quoting): string {
    if (quoting === 'all') return this.quoted(text)
    return this.scalarsAreClean ? text : this.text(text, quoting === 'strings' ? 'minimal' : quoting)
  }

  /** Whether `text` has no form: there are no quotes, and nothing to escape with. */
  cannotHold(text: string): boolean {
    return this.quoting === 'none' && this.escape === undefined && this.hasSpecial(text)
  }

  quoted(text: string): string {
    const { quote, escape } = this
    let inner = text
    if (escape !== quote && inner.includes(escape!)) inner = inner.replaceAll(escape!, () => escape! + escape!)
    if (inner.includes(quote)) inner = inner.replaceAll(quote, () => escape! + quote)
    return quote + inner + quote
  }

  /** Quotes the first field of `records`, which is unquoted so far. */
  quoteFirst(records: string): string {
    let end = 0
    while (!this.endsField(records[end]!)) end++
    return this.quoted(records.slice(0, end)) + records.slice(end)
  }

  private endsField(character: string): boolean {
    return character === this.delimiter[0] || character === '\r' || character === '\n'
  }

  /** As PostgreSQL and MySQL write text without quotes. */
  private escaped(text: string): string {
    let result = ''
    for (const character of text) {
      const name = character === '\n' ? 'n' : character === '\r' ? 'r' : character === '\t' ? 't' : character
      result += this.specials.includes(character) ? this.escape! + name : character
    }
    return result
  }

  /**
   * RFC 4180 §2.6: delimiter, quote, CR and LF need quotes, whatever ends a record. Space and TAB at an end get them too: the
   * RFC makes them part of the field, but many readers cut them off where there are no quotes.
   */
  private needsQuotes(text: string): boolean {
    const { length } = text
    if (length === 0) return false
    if (isBlank(text.charCodeAt(0)) || isBlank(text.charCodeAt(length - 1))) return true
    return this.hasSpecial(text)
  }

  private hasSpecial(text: string): boolean {
    for (const character of this.specials) if (text.includes(character)) return true
    return false
  }
}

const TAB = 0x09
const SPACE = 0x20

/** What numbers and ISO dates are written with, besides letters and digits. */
const SCALAR_CHARACTER = /[+\-.:]/

export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

function requireDelimiter(text: string): void {
  // Half a surrogate pair would be found inside other characters.
  if (typeof text === 'string' && text !== '' && !/[\r\n0-9A-Za-z\p{Cs}\uFEFF]/u.test(text)) return
  const what = 'must be text without letters, digits, CR and LF'
  throw csvError('CZ_CSV_OPTION', `delimiter ${what} (got ${show(text)})`)
}

function requireCharacter(name: string, text: string): void {
  if (typeof text === 'string' && text.length === 1 && !/[\r\n0-9A-Za-z\p{Cs}\uFEFF]/u.test(text)) return
  const what = 'must be one character that is no letter, digit, CR or LF'
  throw csvError('CZ_CSV_OPTION', `${name} ${what} (got ${show(text)})`)
}
