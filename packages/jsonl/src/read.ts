import { rejectUnknown, show } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'

/** Where lines come from: the answer of a `fetch()`, its body, or any chunks of bytes or text. */
export type JsonlBody =
  | { readonly body: ReadableStream<Uint8Array> | null; readonly ok?: boolean; readonly status?: number }
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

export interface ReadJsonlOptions {
  /**
   * Characters that a record may have: a bound for what is kept in memory.
   * @defaultValue 16777216
   */
  maxLineLength?: number
  /** Ends the reading with its reason, and cancels the body. */
  signal?: AbortSignal
  /**
   * The body has the markers that `jsonl()` writes with `endMarker` and `failure`: a body without its end is an error, and so is one
   * that tells of a failure. The markers themselves are no rows.
   * @defaultValue false
   */
  markers?: boolean
}

const DEFAULTS: Record<keyof ReadJsonlOptions, true> = { maxLineLength: true, signal: true, markers: true }
const MAX_LINE_LENGTH = 16 * 1024 * 1024

/**
 * Reads the records of a body of JSON lines (LF or CRLF, empty lines are skipped) or of a JSON text sequence (RFC 7464) while they
 * arrive. Leaving the loop cancels the body.
 *
 * @example
 * ```ts
 * for await (const user of readJsonl<User>(await fetch('/users.jsonl'))) console.log(user.name)
 * ```
 * @throws `CZ_JSONL_PARSE` for a line that is no JSON, `CZ_JSONL_LINE` for one that is too long, `CZ_JSONL_TRUNCATED` for a body that
 * ends early, `CZ_JSONL_FAILED` for one that says that it failed, `CZ_JSONL_SOURCE` for an answer that is no success, and the
 * signal's reason.
 */
export async function* readJsonl<Row = unknown>(
  source: JsonlBody,
  options: ReadJsonlOptions = {},
): AsyncGenerator<Row, void, undefined> {
  rejectUnknown(options, DEFAULTS, (message) => jsonlError('CZ_JSONL_OPTION', message))
  const { signal, markers = false, maxLineLength = MAX_LINE_LENGTH } = options
  if (!(maxLineLength > 0)) {
    throw jsonlError('CZ_JSONL_OPTION', `maxLineLength must be a number above 0 (got ${show(maxLineLength)})`)
  }
  const chunks = new Chunks(source, signal)
  const lines = new Lines(maxLineLength)
  let ended = false
  try {
    for (;;) {
      const chunk = await chunks.next()
      const texts = chunk === undefined ? lines.finish() : lines.take(chunk)
      for (const text of texts) {
        const row = parse(text, lines.number, chunk === undefined)
        if (!markers || !isMarker(row)) {
          yield row as Row
          continue
        }
        if ('$error' in row) throw jsonlError('CZ_JSONL_FAILED', `The body tells of a failure: ${text}`, row.$error)
        ended = true
      }
      if (chunk === undefined) break
    }
  } finally {
    await chunks.cancel()
  }
  if (markers && !ended) {
    throw jsonlError('CZ_JSONL_TRUNCATED', 'The body ends without its end marker')
  }
}

function parse(text: string, number: number, unterminated: boolean): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (unterminated) throw truncated(text, number, cause)
    throw jsonlError('CZ_JSONL_PARSE', `Line ${number} is no JSON (${show(text)})`, cause)
  }
}

function isMarker(row: unknown): row is { $end: unknown } | { $error: unknown } {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return false
  const keys = Object.keys(row)
  return keys.length === 1 && (keys[0] === '$end' || keys[0] === '$error')
}

/** Cuts text into lines, and keeps the beginning of one. */
class Lines {
  /** Number of the last line that was given. */
  number = 0
  private readonly decoder = new TextDecoder()
  private readonly rest: string[] = []
  private restLength = 0

  constructor(private readonly maxLength: number) {}

  *take(chunk: Uint8Array | string): Generator<string> {
    const text = typeof chunk === 'string' ? chunk : this.decoder.decode(chunk, { stream: true })
    let start = 0
    for (let end; (end = text.indexOf('\n', start)) >= 0; start = end + 1) {
      this.keep(text.slice(start, end))
      yield* this.line()
    }
    this.keep(text.slice(start))
  }

  /** What is left is a record only where its own end tells that it is whole (RFC 7464 §2.4). */
  *finish(): Generator<string> {
    this.keep(this.decoder.decode())
    for (const text of this.line()) {
      if (/^\s*[[{"]/.test(text)) yield text
      else throw truncated(text, this.number)
    }
  }

  private *line(): Generator<string> {
    this.number++
    const line = this.rest.length === 1 ? this.rest[0]! : this.rest.join('')
    this.rest.length = 0
    this.restLength = 0
    // RFC 7464 §2.1: RS begins a record; a second one says that the first was cut short.
    const [first = '', ...others] = line.includes('\x1e')
      ? line.split('\x1e').filter((text) => text.trim() !== '')
      : [line]
    if (others.length > 0) throw truncated(first, this.number)
    if (first.trim() !== '') yield first
  }

  private keep(text: string): void {
    this.restLength += text.length
    if (this.restLength > this.maxLength) {
      const what = `Line ${this.number + 1} is longer than ${this.maxLength} characters`
      throw jsonlError('CZ_JSONL_LINE', `${what}; raise maxLineLength if it may be`)
    }
    if (text !== '') this.rest.push(text)
  }
}

function truncated(text: string, number: number, cause?: unknown): Error {
  return jsonlError('CZ_JSONL_TRUNCATED', `Line ${number} is cut short (${show(text)})`, cause)
}

/** Chunks of any source, with a signal that is heard while one is awaited. */
class Chunks {
  private readonly iterator: AsyncIterator<Uint8Array | string>
  private readonly aborted: Promise<never> | undefined
  private readonly stopListening: () => void
  private through = false

  constructor(
    source: JsonlBody,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.iterator = iteratorOf(source)
    let listener = () => {}
    this.aborted =
      signal &&
      new Promise((_resolve, reject) => {
        listener = () => reject(signal.reason as Error)
        signal.addEventListener('abort', listener)
      })
    this.aborted?.catch(() => {}) // It may come when nobody waits any more.
    this.stopListening = () => signal?.removeEventListener('abort', listener)
  }

  async next(): Promise<Uint8Array | string | undefined> {
    this.signal?.throwIfAborted()
    const next = this.iterator.next()
    const { done, value } = await (this.aborted === undefined ? next : Promise.race([next, this.aborted]))
    this.through = done === true
    return this.through ? undefined : (value as Uint8Array | string)
  }

  async cancel(): Promise<void> {
    this.stopListening()
    if (this.through) return
    this.through = true
    const returned = Promise.resolve(this.iterator.return?.())
    // A body that was aborted may never settle what is asked of it.
    if (this.signal?.aborted === true) returned.catch(() => {})
    else await returned
  }
}

function iteratorOf(source: JsonlBody): AsyncIterator<Uint8Array | string> {
  if (typeof source !== 'object' || source === null) {
    throw jsonlError('CZ_JSONL_SOURCE', `There is nothing to read lines from (got ${show(source)})`)
  }
  if ('getReader' in source) return readerOf(source)
  if ('body' in source) {
    if (source.ok === false) {
      throw jsonlError(
        'CZ_JSONL_SOURCE',
        `The answer is no success (status ${source.status}); look at it before its lines`,
      )
    }
    return source.body === null ? iteratorOf([]) : readerOf(source.body)
  }
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
  const iterator = source[Symbol.iterator]()
  return {
    next: async () => iterator.next(),
    return: async () => iterator.return?.() ?? { done: true, value: undefined },
  }
}

/** A reader and not the stream's async iterator: not every browser has that, and `cancel()` takes effect while a read is pending. */
function readerOf(stream: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  const reader = stream.getReader()
  return {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
