import { show, streamError } from './errors.ts'
import { defined, rejectUnknown } from './option-checks.ts'
import type { FieldsInit } from './head.ts'
import type { AfterCallback } from './outcome.ts'
import type { StreamRequest } from './sink.ts'
import type { StreamItem } from './source.ts'

/** Time limits of one stream, in milliseconds. `null` switches a limit off. */
export interface StreamDeadlines {
  /**
   * From the start until the source's first item.
   * @defaultValue null
   */
  firstItemMs?: number | null
  /**
   * Between two items, while the peer is not what we wait for.
   * @defaultValue null
   */
  idleMs?: number | null
  /**
   * From the start until the end. Where the format has a farewell (`sse()`), the stream ends well then.
   * @defaultValue null
   */
  totalMs?: number | null
  /**
   * How long the peer may take nothing while data waits for it: a stalled reader is dropped then.
   * @defaultValue 60000
   */
  stallMs?: number | null
  /**
   * Bytes per second that a peer must take while data waits for it, after a grace of 5 seconds.
   * @defaultValue null
   */
  minBytesPerSecond?: number | null
}

/** Makes text or bytes of items, for one response. */
export interface ItemEncoder<Item> {
  /** What goes ahead of the first item; with an eager head it leaves at once. */
  lead?(): StreamItem | undefined
  /** Without it, items go out as they are. */
  encode?(item: Item): StreamItem
  /** What a `Topic` has encoded for all who listen goes out as it is, without `encode`. */
  readonly takesFrames?: boolean
  /** What follows the last item of a source that ended well. */
  tail?(): StreamItem | undefined
  /**
   * What a client is told when its stream is ended before its source: by a shutdown, or by `deadlines.totalMs`. With it, such an end
   * is a clean one for the client; without it, the body breaks off.
   */
  farewell?(): StreamItem | undefined
}

export interface StreamOptions<Item> {
  /**
   * @defaultValue 200
   * @throws {RangeError} `CZ_HEAD_STATUS` outside 200–599.
   */
  status?: number
  /** @defaultValue 'text/plain; charset=utf-8' */
  contentType?: string
  /**
   * Further fields. `Content-Length` here declares the body's length, which is then enforced.
   * @throws {TypeError} `CZ_HEAD_FIELD` for controls in a name or value, and for fields of the transport.
   */
  headers?: FieldsInit
  /**
   * When the head is committed: with the first item, so that an earlier failure is a real error status, or at once.
   * @defaultValue 'first-item'
   */
  head?: 'first-item' | 'eager'
  /** Makes text or bytes of an item. It runs inside the pump; without it, items go out as they are. */
  encode?: (item: Item) => StreamItem
  /** What follows the last item of a source that ended well, such as a closing bracket. */
  tail?: () => StreamItem | undefined
  /** Instead of `encode` and `tail`, where encoding has a state: makes an encoder for each response that is opened. */
  encoder?: (request: StreamRequest) => ItemEncoder<Item>
  /** A frame for times when nothing else was written for `intervalMs`, such as an SSE comment. */
  heartbeat?: { readonly intervalMs: number; readonly frame: string }
  /**
   * Bytes that may wait in user space before the source is no longer asked.
   * @defaultValue 65536
   */
  highWaterMark?: number
  deadlines?: StreamDeadlines
}

/** Options after checking, with every default in place. */
export interface ResolvedOptions {
  readonly status: number
  readonly contentType: string
  readonly headers: FieldsInit | undefined
  readonly head: 'first-item' | 'eager'
  readonly encoder: ((request: StreamRequest) => ItemEncoder<never>) | undefined
  readonly heartbeat: { readonly intervalMs: number; readonly frame: string } | undefined
  readonly highWaterMark: number
  readonly deadlines: Readonly<Required<StreamDeadlines>>
  readonly after: readonly AfterCallback[]
}

export const DEADLINES: ResolvedOptions['deadlines'] = Object.freeze({
  firstItemMs: null,
  idleMs: null,
  totalMs: null,
  stallMs: 60_000,
  minBytesPerSecond: null,
})

/** Every option by name. */
const KNOWN: Record<keyof StreamOptions<unknown>, true> = {
  status: true,
  contentType: true,
  headers: true,
  head: true,
  encode: true,
  tail: true,
  encoder: true,
  heartbeat: true,
  highWaterMark: true,
  deadlines: true,
}

export const DEFAULTS: ResolvedOptions = Object.freeze({
  status: 200,
  contentType: 'text/plain; charset=utf-8',
  headers: undefined,
  head: 'first-item',
  encoder: undefined,
  heartbeat: undefined,
  highWaterMark: 64 * 1024,
  deadlines: DEADLINES,
  after: Object.freeze([]),
})

/**
 * Fills in the defaults, also for what is given as `undefined`.
 *
 * @throws {TypeError} `CZ_STREAM_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveOptions<Item>(options: StreamOptions<Item> | undefined): ResolvedOptions {
  if (options === undefined) return DEFAULTS
  rejectUnknown(options, KNOWN, (message) => streamError('CZ_STREAM_OPTION', message), 'stream option')
  const { encode, tail, deadlines, ...given } = options
  const { heartbeat, highWaterMark, encoder } = given
  if (encoder !== undefined && (encode !== undefined || tail !== undefined)) {
    throw streamError('CZ_STREAM_OPTION', 'encoder stands for encode and tail; give it alone, or those')
  }
  if (heartbeat !== undefined) requirePositive(heartbeat.intervalMs, 'heartbeat.intervalMs')
  if (highWaterMark !== undefined) requirePositive(highWaterMark, 'highWaterMark')
  return {
    ...DEFAULTS,
    ...defined(given),
    ...((encode !== undefined || tail !== undefined) && { encoder: stateless(defined({ encode, tail })) }),
    deadlines: resolveDeadlines(deadlines),
  }
}

function resolveDeadlines(deadlines: StreamDeadlines | undefined): ResolvedOptions['deadlines'] {
  if (deadlines === undefined) return DEADLINES
  rejectUnknown(deadlines, DEADLINES, (message) => streamError('CZ_STREAM_OPTION', message), 'deadline')
  const given = defined(deadlines)
  for (const [name, ms] of Object.entries(given)) if (ms !== null) requirePositive(ms, `deadlines.${name}`)
  return { ...DEADLINES, ...given }
}

function stateless<Item>(encoder: ItemEncoder<Item>): () => ItemEncoder<Item> {
  return () => encoder
}

function requirePositive(value: unknown, name: string): void {
  if (typeof value === 'number' && value > 0) return
  throw streamError('CZ_STREAM_OPTION', `${name} must be a number above 0 (got ${show(value)})`)
}
