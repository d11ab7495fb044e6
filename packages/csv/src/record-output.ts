import { NUMBER_BYTES, Utf8Writer, writeClean, writeNumber, writeQuoted } from '@catzilla/streaming/format'
import { isBlank } from './dialect.ts'
import type { FieldEncoder } from './fields.ts'
import { isFormula } from './formula.ts'
import type { ResolvedOptions } from './options.ts'

/** Where the fields of a record go. A record that is not ended leaves nothing. */
export interface RecordOutput {
  /** Begins a record, and forgets one that was begun and not ended. */
  begin(): void
  field(value: unknown, column: number): void
  end(): void
  /** Adds records that are made already. */
  append(records: string): void
}

/** Records as text: for what is not sent, and for rows that come one by one. */
export class TextOutput implements RecordOutput {
  private records = ''
  private record = ''
  private readonly delimiter: string
  private readonly eol: string
  private readonly lone: string

  constructor(
    private readonly fields: FieldEncoder,
    options: ResolvedOptions,
  ) {
    this.delimiter = options.dialect.delimiter
    this.eol = options.dialect.eol
    this.lone = loneField(options)
  }

  begin(): void {
    this.record = ''
  }

  field(value: unknown, column: number): void {
    const field = this.fields.encode(value, column)
    this.record += column === 0 ? field : this.delimiter + field
  }

  end(): void {
    this.records += (this.record === '' ? this.lone : this.record) + this.eol
  }

  append(records: string): void {
    this.records += records
  }

  take(): string {
    const { records } = this
    this.records = ''
    return records
  }
}

/**
 * The same as UTF-8. Short texts that need nothing, numbers and booleans, which are nearly all of a table, are written at
 * once; what else there is goes by way of its text.
 */
export class ByteOutput extends Utf8Writer implements RecordOutput {
  /** Room for all fields of a record, long texts apart; known with the columns. */
  private room = 0
  private plainText = false
  private plainNumbers = false
  private plainBooleans = false
  private readonly delimiter: string
  /** -1 for more than one character. */
  private readonly delimiterCode: number
  private readonly quoteCode: number
  private readonly escapeCode: number
  private readonly eol: string
  private readonly lone: string
  private readonly special: Uint8Array
  private readonly guarded: boolean
  private readonly nullText: string
  private readonly nullLength: number
  private readonly nullField: string

  constructor(
    private readonly fields: FieldEncoder,
    private readonly options: ResolvedOptions,
  ) {
    super()
    const { dialect } = options
    const { delimiter } = dialect
    this.delimiter = delimiter
    this.delimiterCode = delimiter.length === 1 && delimiter.charCodeAt(0) < 0x80 ? delimiter.charCodeAt(0) : -1
    this.eol = dialect.eol
    this.lone = loneField(options)
    this.quoteCode = dialect.quote.charCodeAt(0)
    this.escapeCode = dialect.escape?.charCodeAt(0) ?? this.quoteCode
    this.special = dialect.special
    this.guarded = options.formulas !== 'off'
    this.nullText = dialect.nullText
    this.nullLength = dialect.nullText.length
    this.nullField = dialect.nullField
  }

  begin(): void {
    if (this.room === 0) this.prepare()
    this.rollback()
    this.reserve(this.room)
  }

  field(value: unknown, column: number): void {
    if (column > 0) this.delimit()
    if (typeof value === 'string') {
      if (this.plainText && this.writePlain(value)) return
    } else if (typeof value === 'number') {
      if (this.plainNumbers && value - value === 0) {
        this.at = writeNumber(this.bytes, this.at, value)
        return
      }
    } else if (typeof value === 'boolean') {
      if (this.plainBooleans) return this.writeBoolean(value)
    } else if (value === null || value === undefined) {
      if (this.nullField !== '') this.text(this.nullField, this.room)
      return
    }
    this.text(this.fields.encode(value, column), this.room)
  }

  end(): void {
    if (!this.begun) this.text(this.lone, this.room)
    const { bytes, eol } = this
    bytes[this.at++] = eol.charCodeAt(0)
    if (eol.length === 2) bytes[this.at++] = LF
    this.commit()
  }

  append(records: string): void {
    this.rollback()
    this.text(records)
    this.commit()
  }

  private prepare(): void {
    const { quotings, width } = this.fields
    const { dialect, casts, protectDigits } = this.options
    const minimal = dialect.quoting === 'minimal' && quotings.every((quoting) => quoting === undefined)
    const scalars = minimal && dialect.scalarsAreClean && !protectDigits
    this.plainText =
      minimal && !protectDigits && this.quoteCode < 0x80 && this.escapeCode < 0x80 && casts.string === undefined
    this.plainNumbers = scalars && casts.number === undefined
    this.plainBooleans = scalars && casts.boolean === undefined
    this.room = (width + 1) * (FIELD_BYTES + this.delimiter.length * 3)
  }

  /** Writes text that is short and harmless, and says whether it is. */
  private writePlain(text: string): boolean {
    const { length } = text
    if (length === 0) return true
    if (length > LONGEST_PLAIN) return false
    const first = text.charCodeAt(0)
    // Letters and digits, what nearly every text begins with, begin neither a formula nor what must be quoted for its blanks.
    const harmless = (first >= 0x41 && first <= 0x7a) || (first >= 0x30 && first <= 0x39)
    if (!harmless && this.guarded && isFormula(text)) return false
    const { bytes, at } = this
    let end = this.isNullText(text) || (!harmless && isBlank(first)) ? -1 : writeClean(bytes, at, text, this.special)
    if (end < 0 || isBlank(bytes[end - 1]!)) end = writeQuoted(bytes, at, text, this.quoteCode, this.escapeCode)
    if (end < 0) return false
    this.at = end
    return true
  }

  private isNullText(text: string): boolean {
    return this.nullLength === text.length && text === this.nullText
  }

  private writeBoolean(value: boolean): void {
    const { view, at } = this
    view.setUint32(at, value ? 0x74727565 : 0x66616c73) // true, fals
    if (value) {
      this.at = at + 4
    } else {
      this.bytes[at + 4] = 0x65 // e
      this.at = at + 5
    }
  }

  private delimit(): void {
    if (this.delimiterCode >= 0) this.bytes[this.at++] = this.delimiterCode
    else this.text(this.delimiter, this.room)
  }
}

const LF = 0x0a

/** Beyond this length the engine's own searches and encoder, which look at many characters at once, beat a loop. */
const LONGEST_PLAIN = 40

/** What a field that is written at once takes at most: each character three bytes, or a quote that is doubled. */
const FIELD_BYTES = Math.max(NUMBER_BYTES, LONGEST_PLAIN * 3 + 2)

/** An empty line is no record for most readers, so a single empty field gets quotes. */
function loneField({ dialect }: ResolvedOptions): string {
  return dialect.quoting === 'none' ? '' : dialect.quoted('')
}
