import { NUMBER_BYTES, Utf8Writer, writeClean, writeNumber } from '@catzilla/streaming/format'
import { escaped, type Rules, type Stringify } from './serialize.ts'

type ObjectRow = Readonly<Record<string, unknown>>

/** Beyond this length JSON.stringify and the engine's encoder, which look at many characters at once, beat a loop. */
const LONGEST_PLAIN = 40

/** What a plain value takes at most, with its quotes and separator. */
const FIELD_BYTES = Math.max(NUMBER_BYTES, LONGEST_PLAIN * 3 + 2) + 1

/** After so many rows of another shape, that one is expected. */
const PATIENCE = 8
/** After so many shapes, none is expected any more. */
const MOST_SHAPES = 64

const utf8 = new TextEncoder()

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
/** Bytes that are written eight at a time: what is too much is written over by what follows. */
interface Chunk {
  readonly words: Float64Array
  readonly length: number
}

/**
 * Writes rows that have the shape of those before them: the same keys in the same order, which are then bytes already. What it
 * writes is what JSON.stringify gives, to the byte; a row of which that is not certain it leaves to JSON.stringify.
 *
 * The shape is that of the first row. Each row is walked with `for … in`, which tells whether it has that shape.
 */
export class RowWriter extends Utf8Writer {
  private keys: readonly string[] | undefined
  /** `"key":` of each. */
  private names: readonly Chunk[] = []
  private prototype: unknown
  private room = 0
  private misses = 0
  private failures = 0
  private shapes = 0
  /** It does not pay to try: the rows have no shape, or objects in them. */
  stopped = false
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
      if (value - value !== 0) return this.writeNull()
      this.at = writeNumber(this.bytes, this.at, value)
      return true
    }
    if (typeof value === 'boolean') return this.writeBoolean(value)
    if (value === null) return this.writeNull()
    if (typeof value === 'bigint' && this.rules.bigint === 'throw') return false // It fails again as a whole row, and is explained.
    return this.writeOther(value as object | bigint)
  }

  private writeString(text: string): boolean {
    const { length } = text
    const plain = length <= LONGEST_PLAIN && (this.escaped === undefined || !this.escaped.test(text))
    if (plain) {
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

  /** Rows with objects in them are left to JSON.stringify, which is faster with those than two writers that take turns. */
  private writeOther(value: object | bigint): boolean {
    if (typeof value === 'object' && !(value instanceof Date)) return this.fail()
    this.text(this.stringify(value)!, this.room)
    return true
  }

  private writeNull(): true {
    this.view.setUint32(this.at, 0x6e756c6c) // null
    this.at += 4
    return true
  }

  private writeBoolean(value: boolean): true {
    const { view, at } = this
    view.setUint32(at, value ? 0x74727565 : 0x66616c73) // true, fals
    if (!value) this.bytes[at + 4] = 0x65 // e
    this.at = at + (value ? 4 : 5)
    return true
  }

  /** There must be room for seven bytes more. */
  private copy({ words, length }: Chunk): void {
    const { view, at } = this
    for (let i = 0; i < words.length; i++) view.setFloat64(at + i * 8, words[i]!)
    this.at = at + length
  }

  private miss(row: object): false {
    if (++this.misses >= PATIENCE) this.learn(row)
    return false
  }

  private fail(): false {
    if (++this.failures >= PATIENCE) this.stopped = true
    return false
  }

  private learn(row: object): boolean {
    this.misses = 0
    if (++this.shapes > MOST_SHAPES) this.stopped = true
    const prototype: unknown = Object.getPrototypeOf(row)
    const keys = Object.keys(row)
    // What is inherited would be found on the walk; and what JSON.rawJSON() gives is written in another way.
    if (keys.length === 0 || keys.includes('rawJSON') || hasEnumerable(prototype)) return false
    const names = keys.map((key) => toChunk(`${this.stringify(key)!}:`))
    if (names.some(({ words }) => words.some(Number.isNaN))) return false
    this.prototype = prototype
    this.keys = keys
    this.names = names
    this.room = names.reduce((sum, { length }) => sum + length + FIELD_BYTES, 10)
    return true
  }
}

/** Eight bytes that are a NaN would not come through as they are; of text, only DEL and a character beyond U+FFFF are. */
function toChunk(text: string): Chunk {
  const bytes = utf8.encode(text)
  const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 8) * 8))
  for (const [at, byte] of bytes.entries()) padded.setUint8(at, byte)
  const words = Float64Array.from({ length: padded.byteLength / 8 }, (_, i) => padded.getFloat64(i * 8))
  return { words, length: bytes.length }
}

function hasEnumerable(prototype: unknown): boolean {
  for (const key in prototype as object | null) return key !== undefined
  return false
}
