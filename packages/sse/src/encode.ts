import { show } from '@catzilla/streaming/format'
import { sseError } from './errors.ts'

/** One event. A field that is left out is not sent. */
export interface SseEvent {
  /**
   * What the client gets as `event.data`. Text goes out as it is, line by line; anything else through `serialize` (JSON).
   * An event without `data` is never dispatched by a client (its `id` and `retry` count all the same); `''` is data.
   * @throws {TypeError} `CZ_SSE_DATA` for `undefined`, which is a value that got lost on its way; leave `data` out for none.
   */
  data?: unknown
  /**
   * The event's type, for `addEventListener(type)`; without it, `message`.
   * @throws {TypeError} `CZ_SSE_FIELD_NEWLINE`, `CZ_SSE_FIELD_NUL`
   */
  event?: string | undefined
  /**
   * Comes back as `Last-Event-ID` when the client reconnects; `''` makes the client forget the last one.
   * @throws {TypeError} `CZ_SSE_FIELD_NEWLINE`, `CZ_SSE_FIELD_NUL`
   */
  id?: string | number | bigint | undefined
  /**
   * Milliseconds that the client waits before it reconnects, from now on.
   * @throws {RangeError} `CZ_SSE_RETRY_RANGE` if negative or not an integer.
   */
  retry?: number | undefined
  /** A comment, which clients ignore; it comes before the other fields. */
  comment?: string | undefined
}

/** A string is the data of an event. */
export type SseItem = string | SseEvent

/** Makes text of data that is not text. */
export type Serialize = (data: unknown) => string

/**
 * One event in the form of the wire.
 *
 * A value can never add a field or end its event: the line ends of the format are CR, LF and CRLF, so `data` and `comment` are
 * split at each of them, and `id` and `event` must have none.
 *
 * @throws `CZ_SSE_ITEM`, `CZ_SSE_FIELD_UNKNOWN`, `CZ_SSE_FIELD_TYPE`, `CZ_SSE_FIELD_NEWLINE`, `CZ_SSE_FIELD_NUL`,
 * `CZ_SSE_RETRY_RANGE`, `CZ_SSE_DATA`
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function encodeEvent(item: SseItem, serialize: Serialize = JSON.stringify): string {
  if (typeof item === 'string') return encodeText(item)
  const before = encodeAhead(item)
  const { id } = item
  const line = id === undefined ? '' : encodeId(id)
  return before + line + encodeBehind(item, serialize, before.length + line.length > 0)
}

/** An event without its id, and where that belongs: for those who give the id when the event is stored. @internal */
export interface EventParts {
  readonly text: string
  readonly idAt: number
}

/**
 * As {@link encodeEvent}, with a place left free for the id.
 *
 * @internal
 */
export function encodeParts(item: SseItem, serialize: Serialize): EventParts {
  if (typeof item === 'string') return { text: encodeText(item), idAt: 0 }
  const before = encodeAhead(item)
  return { text: before + encodeBehind(item, serialize, true), idAt: before.length }
}

/** @internal */
export function placeId({ text, idAt }: EventParts, id: string): string {
  return idAt === 0 ? `id: ${id}\n${text}` : `${text.slice(0, idAt)}id: ${id}\n${text.slice(idAt)}`
}

function encodeText(text: string): string {
  return `data: ${splitLines(text, DATA_BREAK)}\n\n`
}

/** What stands in front of the id. */
function encodeAhead(item: SseEvent): string {
  if (typeof item !== 'object' || item === null || Array.isArray(item) || ArrayBuffer.isView(item)) throw badItem(item)
  for (const name in item) if (!isField(name)) throw unknownField(name)
  const { comment, event } = item
  let text = ''
  if (comment !== undefined) text += `: ${splitLines(requireText(comment, 'comment'), COMMENT_BREAK)}\n`
  if (event !== undefined) text += `event: ${oneLine(requireText(event, 'event'), 'event')}\n`
  return text
}

function encodeId(id: NonNullable<SseEvent['id']>): string {
  return `id: ${typeof id === 'string' ? oneLine(id, 'id') : idFromNumber(id)}\n`
}

/** What stands behind the id, and the end of the event. */
function encodeBehind(item: SseEvent, serialize: Serialize, begun: boolean): string {
  const { retry, data } = item
  let text = retry === undefined ? '' : encodeRetry(retry)
  if (data !== undefined) {
    text += `data: ${splitLines(typeof data === 'string' ? data : serialized(data, serialize), DATA_BREAK)}\n`
  } else if ('data' in item) {
    throw sseError('CZ_SSE_DATA', 'data must not be undefined; leave it out for an event without data')
  }
  if (begun || text !== '') return `${text}\n`
  if (hasField(item)) return ''
  throw badItem(item)
}

/**
 * The line that sets the reconnection time.
 *
 * @internal
 */
export function encodeRetry(ms: number, name = 'retry'): string {
  // Parsers take ASCII digits only: `1.5` or `1e21` would be ignored without a word.
  if (Number.isSafeInteger(ms) && ms >= 0) return `retry: ${ms}\n`
  throw sseError('CZ_SSE_RETRY_RANGE', `${name} must be a whole number of milliseconds from 0 on (got ${show(ms)})`)
}

// The space after the colon is always written: a parser takes away one, which may otherwise be the first of the value.
const DATA_BREAK = '\ndata: '
const COMMENT_BREAK = '\n: '
const LINE_END = /\r\n|\r|\n/g

function splitLines(text: string, lineBreak: string): string {
  return isOneLine(text) ? text : text.replace(LINE_END, lineBreak)
}

function isOneLine(text: string): boolean {
  return !text.includes('\n') && !text.includes('\r')
}

function oneLine(text: string, name: 'id' | 'event'): string {
  if (!isOneLine(text)) {
    throw sseError('CZ_SSE_FIELD_NEWLINE', `${name} must not contain CR or LF (got ${show(text)}); encode it first`)
  }
  // A parser ignores an id with NUL, and the client would then resume from an older one.
  if (text.includes('\0')) {
    throw sseError('CZ_SSE_FIELD_NUL', `${name} must not contain NUL (got ${show(text)}); encode it first`)
  }
  return text
}

function idFromNumber(id: unknown): string {
  if (typeof id === 'bigint' || Number.isFinite(id)) return String(id)
  throw sseError('CZ_SSE_FIELD_TYPE', `id must be a string or a finite number (got ${show(id)}); leave it out for none`)
}

function requireText(value: unknown, name: 'comment' | 'event'): string {
  if (typeof value === 'string') return value
  throw sseError('CZ_SSE_FIELD_TYPE', `${name} must be a string (got ${show(value)}); leave it out for none`)
}

function serialized(data: unknown, serialize: Serialize): string {
  if (ArrayBuffer.isView(data)) throw sseError('CZ_SSE_DATA', 'data must not be bytes; decode them to text first')
  let text: unknown
  try {
    text = serialize(data)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : show(cause)
    throw sseError('CZ_SSE_DATA', `data could not be serialized (${why}); give text, or a serialize option`, cause)
  }
  if (typeof text === 'string') return text
  const got = `${typeof data} gave ${show(text)}`
  throw sseError('CZ_SSE_DATA', `data must serialize to a string (${got}); give text, or a serialize option`)
}

const FIELDS = ['comment', 'event', 'id', 'retry', 'data'] as const satisfies readonly (keyof SseEvent)[]

function isField(name: string): boolean {
  return name === 'data' || name === 'event' || name === 'id' || name === 'retry' || name === 'comment'
}

/** Tells an event whose fields are all `undefined` from a Map, an Error or another object that is no event. */
function hasField(item: SseEvent): boolean {
  return Object.keys(item).length > 0 || FIELDS.some((name) => name in item)
}

function badItem(item: unknown): Error {
  const got = Array.isArray(item) || typeof item !== 'object' || item === null ? show(item) : kindOf(item)
  const cure = 'yield text or an event such as { data: value }'
  return sseError('CZ_SSE_ITEM', `An item of an event stream is a string or an event (got ${got}); ${cure}`)
}

function kindOf(item: object): string {
  return `an object of ${(item.constructor as { name?: string } | undefined)?.name ?? 'no class'} without a field`
}

function unknownField(name: string): Error {
  const cure = `an event has ${FIELDS.join(', ')}; to send the object itself, yield { data: object }`
  return sseError('CZ_SSE_FIELD_UNKNOWN', `Unknown event field ${show(name)}; ${cure}`)
}
