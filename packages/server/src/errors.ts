import { STATUS_CODES } from 'node:http'
import { CatzillaError, toFields, type FieldList, type FieldsInit } from '@catzilla/streaming'
import { errorFactory, show } from '@catzilla/streaming/format'

/** What each error code of the server means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** An `HttpError`: the application names the status of its answer. */
  CZ_SERVER_HTTP: { base: Error, status: undefined },
  /** An option of the app is unknown or out of range. */
  CZ_SERVER_OPTION: { base: TypeError, status: undefined },
  /** `listen()` was called a second time, or after `close()`. */
  CZ_SERVER_LISTENING: { base: Error, status: undefined },
  /** The transport that was asked for by name does not load (`cause`), or has no such name. */
  CZ_SERVER_TRANSPORT: { base: Error, status: undefined },
  /** A handler returned what cannot be answered. */
  CZ_SERVER_RESULT: { base: TypeError, status: undefined },
  /** The server closes; the stream did not end within its grace. */
  CZ_SERVER_SHUTDOWN: { base: Error, status: 503 },
  /** `listen({ workers })` finds no app module: give `module`, or `export default app` from it. */
  CZ_WORKER_MODULE: { base: TypeError, status: undefined },
  /** This system or runtime cannot spread connections over threads. Take `workers: 'auto'`, or processes. */
  CZ_WORKER_UNSUPPORTED: { base: Error, status: undefined },
  /** A worker did not start (`cause`), or was started too often in vain and is given up. */
  CZ_WORKER_CRASHED: { base: Error, status: undefined },
  /** A topic with a name was published to before the app of its worker was made. */
  CZ_WORKER_TOPIC: { base: Error, status: undefined },
  /** An item of a topic with a name cannot be copied to other threads: publish plain data, text or bytes. */
  CZ_WORKER_ITEM: { base: TypeError, status: undefined },
  /** A route pattern is malformed. */
  CZ_ROUTE_PATTERN: { base: TypeError, status: undefined },
  /** A method is not written in upper case. */
  CZ_ROUTE_METHOD: { base: TypeError, status: undefined },
  /** A route was added twice. */
  CZ_ROUTE_DUPLICATE: { base: Error, status: undefined },
  /** A handler is no function. */
  CZ_ROUTE_HANDLER: { base: TypeError, status: undefined },
  /** The body of the request is larger than its limit. */
  CZ_BODY_TOO_LARGE: { base: RangeError, status: 413 },
  /** The body of the request is no JSON. */
  CZ_BODY_JSON: { base: SyntaxError, status: 400 },
  /** The body of the request was read already. */
  CZ_BODY_USED: { base: TypeError, status: undefined },
  /** The client left before its request was complete, or the rest of the body was refused. */
  CZ_BODY_ABORTED: { base: Error, status: 400 },
  /** The chunked coding of the request is malformed. */
  CZ_BODY_MALFORMED: { base: Error, status: 400 },
  /** The client sent nothing of its body for too long. */
  CZ_BODY_TIMEOUT: { base: Error, status: 408 },
} as const

export type ServerErrorCode = keyof typeof ERRORS

/** @internal */
export const serverError = errorFactory(ERRORS)

/**
 * What a handler's `signal` and waiting writes are told when the client has left: the code that a stream gives it, too.
 *
 * @internal
 */
export function clientGone(): CatzillaError {
  return new CatzillaError('CZ_STREAM_ABORTED', 'The client is gone')
}

/** @internal */
export function bufferGone(): CatzillaError {
  const message = 'A buffer was transferred away before the client had taken it; give the stream a copy'
  return new CatzillaError('CZ_STREAM_BUFFER', message)
}

/** @internal */
export function fileCut(): CatzillaError {
  return new CatzillaError('CZ_STREAM_LENGTH', 'The file became shorter while it was sent, or cannot be read')
}

/** @internal */
export function outOfMemory(): CatzillaError {
  return new CatzillaError('CZ_STREAM_ABORTED', 'There is no memory left for what the stream was to send')
}

/**
 * A write behind the end: a mistake of whoever drives the sink.
 *
 * @internal
 */
export function streamEnded(): CatzillaError {
  return new CatzillaError('CZ_STREAM_CLOSED', 'The stream has ended; write before end()')
}

export interface HttpErrorOptions {
  /**
   * Whether the client gets to see `message`; otherwise it gets the status text alone.
   * @defaultValue false
   */
  expose?: boolean
  /** Fields of the answer, such as `Retry-After`. */
  headers?: FieldsInit
  cause?: unknown
}

/**
 * An error that names its answer: throw it anywhere in a handler, or in a stream before its first item.
 *
 * @example
 * ```ts
 * throw new HttpError(404, 'No such user', { expose: true })
 * ```
 */
export class HttpError extends CatzillaError {
  override readonly status: number
  readonly expose: boolean
  readonly fields: FieldList

  /**
   * @throws {TypeError} `CZ_SERVER_OPTION` if `status` is not an integer from 400 to 599, `CZ_HEAD_FIELD` for bad headers.
   */
  constructor(status: number, message: string = statusText(status), options: HttpErrorOptions = {}) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw serverError('CZ_SERVER_OPTION', `The status of an HttpError must be from 400 to 599 (got ${show(status)})`)
    }
    super('CZ_SERVER_HTTP', message, 'cause' in options ? { cause: options.cause, status } : { status })
    this.name = 'HttpError'
    this.status = status
    this.expose = options.expose ?? false
    this.fields = toFields(options.headers)
  }
}

/** The reason phrase of a status, as it stands in the body of an answer without one of its own. */
export function statusText(status: number): string {
  return STATUS_CODES[status] ?? String(status)
}
