import { isCatzillaError, type StreamItem } from '@catzilla/streaming'
import { show, type RowEncoder } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'
import { explain, serializeError } from './explain.ts'
import type { Framing } from './frames.ts'
import { findLost, lostError } from './lost.ts'
import type { FailurePolicy, Serialize, UndefinedRows } from './options.ts'
import { rowInParts, type Parts } from './parts.ts'
import { RowWriter } from './row-writer.ts'
import { mayHaveLost, type Rules, type Stringify } from './serialize.ts'

export interface RowsOptions {
  readonly framing: Framing
  readonly rules: Rules
  readonly stringify: Stringify
  readonly serialize: Serialize<unknown> | undefined
  readonly undefinedRows: UndefinedRows
  readonly failure: FailurePolicy
}

const LF = 0x0a

/**
 * One opened response: makes records of rows, and knows the number of the row for its errors, which are `CZ_JSONL_ROW`,
 * `CZ_JSONL_UNDEFINED`, `CZ_JSONL_BIGINT`, `CZ_JSONL_CIRCULAR`, `CZ_JSONL_SERIALIZE` and `CZ_JSONL_NEWLINE`.
 */
export class JsonRows implements RowEncoder {
  /** Where the encoder has the last word on failures; without it, they break the stream. */
  readonly failed: ((error: unknown) => boolean) | undefined
  private readonly writer: RowWriter
  /** Rows of the batch that were made as text; they come behind those that the writer has. */
  private texts = ''
  /** Rows taken, and records made of them. */
  private number = 0
  private records = 0
  private last: unknown
  private ended = false
  private parts: Parts | undefined
  private readonly keepsLast: boolean
  /** Nothing but LF around the rows: the frame for which the way is shortest. */
  private readonly isLines: boolean

  constructor(private readonly options: RowsOptions) {
    this.writer = new RowWriter(options.rules, options.stringify)
    this.isLines = options.framing.after === '\n' && options.framing.before === ''
    this.keepsLast = options.framing.keepsLast
    this.failed = options.failure === 'abort' ? undefined : (error) => this.tell(error)
  }

  lead(): string | undefined {
    const { lead } = this.options.framing
    return lead === '' ? undefined : lead
  }

  tail(): string | undefined {
    if (this.ended) return undefined
    const { records: rows, last } = this
    return this.options.framing.end({ rows, last }) || undefined
  }

  // ── rows at hand ───────────────────────────────────────────────────────────────────────────────────────────────────

  get size(): number {
    return this.writer.size + this.texts.length
  }

  takeBatch(): StreamItem {
    const { writer, texts } = this
    if (writer.size > 0) {
      this.flushTexts()
      return writer.take()
    }
    this.texts = ''
    return texts
  }

  add(row: unknown): void {
    this.number++
    if (this.options.serialize === undefined && !this.writer.stopped && this.addBytes(row)) return this.taken(row)
    const text = this.textOf(row)
    if (text === undefined) return
    this.texts += this.ahead() + text
    if (this.parts === undefined) this.texts += this.options.framing.after
    this.taken(row)
  }

  private addBytes(row: unknown): boolean {
    const { writer } = this
    if (this.texts !== '') this.flushTexts()
    writer.rollback()
    if (!this.isLines) writer.text(this.ahead())
    if (!writer.tryRow(row)) return false
    if (this.isLines) writer.byte(LF)
    else writer.text(this.options.framing.after)
    writer.commit()
    return true
  }

  private flushTexts(): void {
    this.writer.rollback()
    this.writer.text(this.texts)
    this.writer.commit()
    this.texts = ''
  }

  // ── rows one by one ────────────────────────────────────────────────────────────────────────────────────────────────

  encode(row: unknown): string {
    this.number++
    const text = this.textOf(row)
    if (text === undefined) return ''
    const record = this.ahead() + text
    this.taken(row)
    return this.parts === undefined ? record + this.options.framing.after : record
  }

  /** The rest of a row that comes in parts. */
  rest(): Parts | undefined {
    const { parts } = this
    if (parts !== undefined) this.parts = undefined
    return parts
  }

  private taken(row: unknown): void {
    this.records++
    if (this.keepsLast) this.last = row // A reference from old to new costs more than the test.
  }

  private ahead(): string {
    const { before, between } = this.options.framing
    return this.records === 0 ? before : between + before
  }

  // ── JSON of a row ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** `undefined` for a row that is left out; with {@link parts}, it begins behind this text. */
  private textOf(row: unknown): string | undefined {
    const { options, number } = this
    if (options.serialize !== undefined) return this.serialized(row, options.serialize)
    let text: string | undefined
    try {
      text = options.stringify(row)
    } catch (error) {
      throw explain(error, row, number)
    }
    if (text === undefined) return this.undefinedRow(row)
    if (!mayHaveLost(text, row)) return text
    const refused = findLost(row, ['map', 'error', 'bytes'])
    if (refused !== undefined) {
      const { path, value } = refused
      throw lostError(value, path === 'row' ? `Row ${number} is` : `Row ${number} has at ${path}`)
    }
    if (findLost(row, ['stream', 'promise']) === undefined) return text
    this.parts = rowInParts(row, options.framing.after, options.stringify, number)
    return ''
  }

  private serialized(row: unknown, serialize: Serialize<unknown>): string | undefined {
    let text: string | undefined
    try {
      text = serialize(row)
    } catch (cause) {
      throw serializeError(cause, this.number)
    }
    if (text === undefined) return this.undefinedRow(row)
    if (typeof text !== 'string' || text === '') {
      const got = `${show(text)} of type ${typeof text}`
      throw jsonlError('CZ_JSONL_SERIALIZE', `serialize() must give the JSON of row ${this.number} (got ${got})`)
    }
    // CR too: legal between tokens of JSON, but readers that know CRLF may split there.
    if (text.includes('\n') || text.includes('\r')) {
      const what = `serialize() gave row ${this.number} a line end (${show(text)}), which would make two lines of it`
      throw jsonlError('CZ_JSONL_NEWLINE', `${what}; serialize without indentation`)
    }
    return text
  }

  private undefinedRow(row: unknown): string | undefined {
    const { undefinedRows } = this.options
    if (undefinedRows === 'skip') return undefined
    if (undefinedRows === 'null') return 'null'
    const what = `Row ${this.number} has no JSON (${describe(row)})`
    throw jsonlError('CZ_JSONL_UNDEFINED', `${what}; filter such rows, or set undefinedRows to 'skip' or 'null'`)
  }

  // ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Before the first record, a failure is still a status of its own. */
  private tell(error: unknown): boolean {
    if (this.records === 0) return false
    const { failure, framing, stringify } = this.options
    const described = typeof failure === 'function' ? failure(error) : { code: codeOf(error) }
    this.texts += framing.failure(stringify(described) ?? 'null')
    this.ended = true
    return true
  }
}

/** Messages are for the log: they may tell of what a client must not know. */
function codeOf(error: unknown): string {
  return isCatzillaError(error) ? error.code : 'failed'
}

function describe(value: unknown): string {
  return typeof value === 'function' ? `the function ${show(value.name)}` : show(value)
}
