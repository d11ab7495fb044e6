import {
  checkStatus,
  isStreamingResponse,
  StreamingResponse,
  toFields,
  type FieldList,
  type FieldsInit,
  type StreamItem,
  type StreamSource,
} from '@catzilla/streaming'
import { show } from '@catzilla/streaming/format'
import { serverError } from './errors.ts'

export const TEXT: FieldList = typed('text/plain; charset=utf-8')
const JSON_TYPE = typed('application/json')
const BYTES = typed('application/octet-stream')
const NOTHING: FieldList = Object.freeze([])

const BRAND = Symbol.for('catzilla.answer')

/** A whole answer: what `reply()` gives for anything but a stream. */
export class Answer {
  constructor(
    readonly status: number,
    readonly fields: FieldList,
    readonly body: string | Uint8Array | undefined,
  ) {}
}
Object.defineProperty(Answer.prototype, BRAND, { value: true })

/**
 * `unknown` for what a handler may return, and otherwise a type that says what to do about it: the compiler names it.
 *
 * A stream of anything but text or bytes is found here, and not when its first item comes.
 */
export type Answerable<Result> =
  IsAny<Result> extends true
    ? unknown
    : [Unanswerable<Awaited<Result>>] extends [never]
      ? unknown
      : { error: Unanswerable<Awaited<Result>> }

/** What has no type cannot be told: `JSON.parse()`, `(await fetch(url)).json()`. */
type IsAny<Result> = 0 extends 1 & Awaited<Result> ? true : false

type Unanswerable<Result> = Result extends bigint | symbol
  ? 'Neither a bigint nor a symbol can be answered; make a string of it'
  : Result extends string | readonly unknown[] | ArrayBufferView
    ? never
    : Result extends Iterable<infer Item> | AsyncIterable<infer Item> | Iterator<infer Item> | AsyncIterator<infer Item>
      ? [Item] extends [StreamItem | PromiseLike<StreamItem>]
        ? never
        : 'A stream needs text or bytes; wrap objects in jsonl() or csv()'
      : never

export interface ReplyInit {
  /**
   * @defaultValue 200, or 204 without a body
   * @throws {RangeError} `CZ_HEAD_STATUS` outside 200–599.
   */
  status?: number
  /** @throws {TypeError} `CZ_HEAD_FIELD` for controls in a name or value, and for fields of the transport. */
  headers?: FieldsInit
}

/**
 * Gives a result a status or fields of its own.
 *
 * @example
 * ```ts
 * app.post('/users', async (req) => reply(await create(req), { status: 201, headers: { location: '/users/7' } }))
 * ```
 */
export function reply<Body>(body: Body & Answerable<Body>, init: ReplyInit = {}): Answer | StreamingResponse {
  if (hasHead(body)) throw serverError('CZ_SERVER_RESULT', 'This result has a status and headers; give them to it')
  return toAnswer(body, init)
}

/**
 * What a handler returned, as a whole answer or a stream.
 *
 * @param init for a result without a head of its own.
 * @throws what was returned, if it is an `Error`; `CZ_SERVER_RESULT` for what cannot be answered.
 * @internal
 */
export function toAnswer(result: unknown, init?: ReplyInit): Answer | StreamingResponse<never> {
  switch (typeof result) {
    case 'string':
      return whole(200, TEXT, result, init)
    case 'object':
      return result === null ? whole(204, NOTHING, undefined, init) : objectToAnswer(result, init)
    case 'undefined':
      return whole(204, NOTHING, undefined, init)
    case 'number':
    case 'boolean':
      return toJson(result, init)
    case 'function':
      return toStream(result, init)
    default:
      throw badResult(result)
  }
}

function whole(status: number, fields: FieldList, body: Answer['body'], init: ReplyInit | undefined): Answer {
  if (init === undefined) return new Answer(status, fields, body)
  const own = toFields(init.headers).filter(([name]) => name !== 'content-length') // The body has the length it has.
  return new Answer(checkStatus(init.status ?? status), withOwn(fields, own), body)
}

/**
 * The fields of a kind of answer, and those of this one: its own type wins.
 *
 * @internal
 */
export function withOwn(fields: FieldList, own: FieldList): FieldList {
  return own.some(([name]) => name === 'content-type') ? own : [...fields, ...own]
}

function hasHead(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return isAnswer(value) || value instanceof Response || isStreamingResponse(value)
}

/** By its brand, as the ESM and the CJS copy of this package can meet. */
export function isAnswer(value: object): value is Answer {
  return BRAND in value
}

function objectToAnswer(result: object, init: ReplyInit | undefined): Answer | StreamingResponse<never> {
  if (isAnswer(result)) return result
  if (isStreamingResponse(result)) return result
  if (Array.isArray(result)) return toJson(result, init)
  if (ArrayBuffer.isView(result)) return whole(200, BYTES, toBytes(result), init)
  if (isIterable(result)) return toStream(result, init)
  if (result instanceof ArrayBuffer) return whole(200, BYTES, new Uint8Array(result), init)
  if (result instanceof Error) throw result
  if (result instanceof Response) return fromResponse(result)
  if (result instanceof Blob) return fromBlob(result, init)
  return isReadable(result) ? toStream(result, init) : toJson(result, init)
}

function isIterable(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value
}

/** An iterator, or a stream that is not iterable. */
function isReadable(value: object): boolean {
  const { next, getReader } = value as { next?: unknown; getReader?: unknown }
  return typeof next === 'function' || typeof getReader === 'function'
}

function toStream(source: unknown, init: ReplyInit | undefined): StreamingResponse<never> {
  return new StreamingResponse(source as StreamSource<StreamItem>, init)
}

function toJson(value: unknown, init: ReplyInit | undefined): Answer {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw badResult(value) // A toJSON() that gives nothing.
  return whole(200, JSON_TYPE, text, init)
}

function toBytes(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function fromBlob(blob: Blob, { status = 200, headers }: ReplyInit = {}): StreamingResponse<never> {
  return new StreamingResponse<Uint8Array>(blob, {
    status,
    contentType: blob.type === '' ? 'application/octet-stream' : blob.type,
    headers: [...toFields(headers), ['content-length', String(blob.size)]],
  })
}

/** RFC 9110 §7.6.1: these belong to the connection on which the `Response` came, if it came on any. */
const HOP_FIELDS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade'])
/** `fetch()` decodes the body but leaves these, which tell of the encoded one. */
const CODING_FIELDS = new Set(['content-encoding', 'content-length'])

function fromResponse(response: Response): Answer | StreamingResponse<never> {
  const { status, headers, body, bodyUsed, url } = response
  if (bodyUsed) throw serverError('CZ_SERVER_RESULT', 'The Response was already read; return it unread, or a new one')
  const decoded = url !== '' && headers.has('content-encoding')
  const fields = toFields(
    [...headers].filter(([name]) => !HOP_FIELDS.has(name) && !(decoded && CODING_FIELDS.has(name))),
  )
  if (body === null)
    return new Answer(
      checkStatus(status),
      fields.filter(([name]) => name !== 'content-length'),
      undefined,
    )
  return new StreamingResponse<Uint8Array>(body as ReadableStream<Uint8Array>, {
    status,
    contentType: 'application/octet-stream',
    headers: fields,
  })
}

function badResult(result: unknown): Error {
  const what = 'A handler must return text, bytes, something for JSON, a stream, or nothing'
  return serverError('CZ_SERVER_RESULT', `${what} (got ${show(result)})`)
}

function typed(type: string): FieldList {
  return Object.freeze([Object.freeze(['content-type', type] as const)])
}
