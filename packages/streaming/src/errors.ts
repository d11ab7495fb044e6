/** What each error code of the streaming layer means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** The source of a stream is nothing that can be iterated, or it failed with something that is no error. */
  CZ_STREAM_SOURCE: { base: TypeError },
  /** An item is neither text nor bytes, and nothing encodes it. Yield text or bytes, or use `jsonl()`, `csv()`, `sse()`. */
  CZ_STREAM_ITEM: { base: TypeError },
  /** Something was written behind the end of a stream. */
  CZ_STREAM_CLOSED: { base: Error },
  /** The stream ended early: the client is gone, or the source failed (`cause`). */
  CZ_STREAM_ABORTED: { base: Error },
  /** A deadline of the stream has passed; the message names it. */
  CZ_STREAM_TIMEOUT: { base: Error },
  /** A buffer was transferred away while it was being sent. Give each stream bytes of its own. */
  CZ_STREAM_BUFFER: { base: TypeError },
  /** The body is longer or shorter than its declared `Content-Length`. */
  CZ_STREAM_LENGTH: { base: Error },
  /** An option is unknown or out of range. */
  CZ_STREAM_OPTION: { base: TypeError },
  /** A status is no integer from 200 to 599. */
  CZ_HEAD_STATUS: { base: RangeError },
  /** A field name is no token, a value holds a control character, or the field belongs to the transport. */
  CZ_HEAD_FIELD: { base: TypeError },
  /** A writer ran more than 16 MiB ahead of its client. Await `write()`. */
  CZ_WRITER_AHEAD: { base: RangeError },
  /** What is to be relayed is no `Response` and no `ReadableStream`, or its body is read already. */
  CZ_RELAY_UPSTREAM: { base: TypeError },
} as const

export type StreamErrorCode = keyof typeof ERRORS

const BRAND = Symbol.for('catzilla.error')

/**
 * An error with a stable `code`: match on the code, as two copies of a package can meet in one process.
 *
 * @see `docs/errors.md` lists every code with its cause and cure.
 */
export class CatzillaError extends Error {
  /** Stable name of what went wrong: `CZ_<AREA>_<WHAT>`. */
  readonly code: string
  /** HTTP status that answers this error; set only where the client caused it. */
  readonly status: number | undefined

  constructor(code: string, message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'CatzillaError'
    this.code = code
    this.status = options.status
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Whether `value` is an error of any Catzilla package, whichever copy of it made the error. */
export function isCatzillaError(value: unknown): value is CatzillaError {
  return typeof value === 'object' && value !== null && BRAND in value
}

/** What one code of a package means: the class that JavaScript users expect, and the status where a client caused it. */
export interface ErrorKind {
  readonly base: new (message: string, options?: ErrorOptions) => Error
  readonly status?: number | undefined
}

/**
 * Makes the errors of one package from its table of codes.
 *
 * @example
 * ```ts
 * const csvError = errorFactory({ CZ_CSV_ROW: { base: TypeError, status: undefined } })
 * throw csvError('CZ_CSV_ROW', 'Row 3 is null; leave it out')
 * ```
 */
export function errorFactory<Code extends string>(
  table: Readonly<Record<Code, ErrorKind>>,
): (code: Code, message: string, cause?: unknown) => CatzillaError {
  return (code, message, cause) => {
    const { base, status } = table[code]
    const error = new base(message, cause === undefined ? undefined : { cause })
    Object.defineProperty(error, BRAND, { value: true })
    return Object.assign(error, { code, status })
  }
}

/** @internal */
export const streamError = errorFactory(ERRORS)

/**
 * The peer is gone: for promises that waited for it.
 *
 * @internal
 */
export function lostError(): CatzillaError {
  return streamError('CZ_STREAM_ABORTED', 'The client is gone')
}

/**
 * What a source threw, as hosts take it: they drop or misread what is no object (`throw undefined`, `next('route')`).
 *
 * @internal
 */
export function toError(thrown: unknown): Error {
  if (typeof thrown === 'object' && thrown !== null) return thrown as Error
  return streamError('CZ_STREAM_SOURCE', `The source failed with ${show(thrown)}, which is no error`, thrown)
}

/** A value as it may stand in an error message: short, on one line, and never throwing. */
export function show(value: unknown): string {
  let text: string
  try {
    text = typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'an array' : String(value)
  } catch {
    text = typeof value // An object without a usable toString().
  }
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
