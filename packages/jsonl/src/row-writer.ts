import { NUMBER_BYTES, Utf8Writer, writeClean, writeNumber } from '@catzilla/streaming/format'
import { escaped, type Rules, type Stringify } from './serialize.ts'

type ObjectRow = Readonly<Record<string, unknown>>

/** Beyond this length JSON.stringify and the engine's encoder, which look at many characters at once, beat a loop. */
const LONGEST_PLAIN = 64

/** After so many rows of another shape, that one is expected. */
const PATIENCE = 8

const utf8 = new TextEncoder()

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const TRUE = utf8.encode('true')
const FALSE = utf8.encode('false')
const NULL = utf8.encode('null')

/**
 * Writes rows that have the shape of those before them: the same keys in the same order, which are then bytes already. What it
 * writes is what JSON.stringify gives, to the byte; a row of which that is not certain it leaves to JSON.stringify.
 *
 * The shape is that of the first row. Each row is walked with `for … in`, which tells whether it has that shape.
 */
export class RowWriter extends Utf8Writer {
  private keys: readonly string[] | undefined
  /** `"key":` of each. */
  private names: readonly Uint8Array[] = []
  private prototype: unknown
  private room = 0
  private misses = 0
  private readonly special = new Uint8Array(0x80)
  private readonly escaped: RegExp | undefined

  constructor(
    private readonly rules: Rules,
    private readonly stringify: Stringify,
  ) {
    super()
    this.special.fill(1, 0, 0x20)
    this.special[QUOTE] = 1
    this.special[0x5c] = 1 // \
    this.escaped = escaped(rules.escape)
  }

  /** Writes a row, or nothing, and says which. */
  tryRow(row: unknown): boolean {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return false
    if (this.keys === undefined && !this.learn(row)) return false
    const start = this.at
    if (this.writeRow(row as ObjectRow)) return true
    this.at = start
    return false
  }

  private writeRow(row: ObjectRow): boolean {
    const { names } = this
    const keys = this.keys!
    if (row['toJSON'] !== undefined || Object.getPrototypeOf(row) !== this.prototype) return this.miss(row)
    this.reserve(this.room)
    let separator = OPEN
    let column = 0
    for (const key in row) {
      if (key !== keys[column]) return this.miss(row)
      const value = row[key]
      const name = names[column++]!
      // As JSON.stringify leaves them out.
      if (value === undefined || typeof value === 'function' || typeof value === 'symbol') continue
      this.bytes[this.at++] = separator
      separator = COMMA
      this.copy(name)
      if (!this.writeValue(value)) return false
    }
    if (column !== keys.length) return this.miss(row)
    if (separator === OPEN) this.bytes[this.at++] = OPEN
    this.bytes[this.at++] = CLOSE
    return true
  }

  private writeValue(value: unknown): boolean {
    if (typeof value === 'string') return this.writeString(value)
    if (typeof value === 'number') {
      if (value - value === 0) this.at = writeNumber(this.bytes, this.at, value)
      else this.copy(NULL)
      return true
    }
    if (typeof value === 'boolean') return this.copy(value ? TRUE : FALSE)
    if (value === null) return this.copy(NULL)
    if (typeof value === 'bigint' && this.rules.bigint === 'throw') return false
    return this.writeOther(value as object | bigint)
  }

  private writeString(text: string): boolean {
    const { length } = text
    const plain = length <= LONGEST_PLAIN && (this.escaped === undefined || !this.escaped.test(text))
    if (plain) {
      this.reserve(length * 3 + 2 + this.room)
      const { bytes, at } = this
      bytes[at] = QUOTE
      const end = writeClean(bytes, at + 1, text, this.special)
      if (end >= 0) {
        bytes[end] = QUOTE
        this.at = end + 1
        return true
      }
    }
    this.text(this.stringify(text)!, this.room)
    return true
  }

  /** A value in a value: its `toJSON()` must not know its key, and nothing in it may be lost. */
  private writeOther(value: object | bigint): boolean {
    if (typeof value === 'object' && !(value instanceof Date) && 'toJSON' in value) return false
    if (ArrayBuffer.isView(value)) return false
    let text: string | undefined
    try {
      text = this.stringify(value)
    } catch {
      return false // It fails again as a whole row, and is then explained.
    }
    if (text === undefined || text.includes('{}')) return false
    this.text(text, this.room)
    return true
  }

  /** Bytes for which there is room. */
  private copy(source: Uint8Array): true {
    const { bytes, at } = this
    const { length } = source
    for (let i = 0; i < length; i++) bytes[at + i] = source[i]!
    this.at = at + length
    return true
  }

  private miss(row: object): false {
    if (++this.misses >= PATIENCE) this.learn(row)
    return false
  }

  private learn(row: object): boolean {
    this.misses = 0
    const prototype: unknown = Object.getPrototypeOf(row)
    const keys = Object.keys(row)
    // What is inherited would be found on the walk; and what JSON.rawJSON() gives is written in another way.
    if (keys.length === 0 || keys.includes('rawJSON') || hasEnumerable(prototype)) return false
    this.prototype = prototype
    this.keys = keys
    this.names = keys.map((key) => utf8.encode(`${this.stringify(key)!}:`))
    this.room = this.names.reduce((sum, { length }) => sum + length + NUMBER_BYTES + 2, 2)
    return true
  }
}

function hasEnumerable(prototype: unknown): boolean {
  for (const key in prototype as object | null) return key !== undefined
  return false
}
