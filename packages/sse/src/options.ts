import type { ItemEncoder, StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, rememberLast, replaceFields, show } from '@catzilla/streaming/format'
import { encodeEvent, encodeRetry, type Serialize, type SseItem } from './encode.ts'
import { sseError } from './errors.ts'

export interface SseOptions extends Pick<StreamOptions<never>, 'status' | 'headers' | 'highWaterMark' | 'deadlines'> {
  /**
   * Milliseconds of silence after which a comment is sent, so that no proxy takes the connection for dead; `null` for none.
   * @defaultValue 15000
   * @throws {TypeError} `CZ_SSE_OPTION` if not above 0.
   */
  heartbeatMs?: number | null
  /**
   * Milliseconds a client should wait before it reconnects, sent ahead of the first event; `null` leaves the choice to the client.
   * @defaultValue 2000
   * @throws {RangeError} `CZ_SSE_RETRY_RANGE` if negative or not an integer.
   * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time
   */
  retryMs?: number | null
  /**
   * Makes text of `data` that is not a string.
   * @defaultValue JSON.stringify
   */
  serialize?: (data: unknown) => string
}

export const DEFAULTS = Object.freeze({
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  heartbeatMs: 15_000,
  retryMs: 2_000,
  serialize: JSON.stringify as Serialize,
})

// The registration of the type: "charset … serves no purpose", as an event stream is always UTF-8, and some clients compare
// the whole field. no-transform and x-accel-buffering keep proxies from collecting events for compression or speed.
const FIELDS = [
  ['content-type', 'text/event-stream'],
  ['cache-control', 'no-store, no-transform'],
  ['x-accel-buffering', 'no'],
] as const

const HEARTBEAT_FRAME = ':\n\n'

type SseStreamOptions = StreamOptions<SseItem> & {
  encoder: () => ItemEncoder<SseItem> & { encode(item: SseItem): string }
}

/**
 * Fills in the defaults, and says how events become a stream.
 *
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 * @internal
 */
export function resolveOptions(options: SseOptions = {}): SseStreamOptions {
  return resolve(options)
}

const resolve = rememberLast((options: SseOptions): SseStreamOptions => {
  rejectUnknown(options, DEFAULTS, badOption)
  const { heartbeatMs = DEFAULTS.heartbeatMs, retryMs = DEFAULTS.retryMs, serialize = DEFAULTS.serialize } = options
  if (heartbeatMs !== null && !isTimerMs(heartbeatMs)) {
    throw badOption(`heartbeatMs must be above 0 and at most ${MAX_TIMER_MS}, or null (got ${show(heartbeatMs)})`)
  }
  if (typeof serialize !== 'function') throw badOption(`serialize must be a function (got ${show(serialize)})`)
  const { status, headers, highWaterMark, deadlines } = options
  const lead = retryMs === null ? undefined : `${encodeRetry(retryMs, 'retryMs')}\n`
  const encoder = {
    lead: () => lead,
    encode: (item: SseItem) => encodeEvent(item, serialize),
  }
  return {
    head: 'eager', // `onopen` must not wait for the first event.
    headers: Object.freeze(replaceFields(FIELDS, headers)),
    encoder: () => encoder,
    ...(heartbeatMs !== null && { heartbeat: Object.freeze({ intervalMs: heartbeatMs, frame: HEARTBEAT_FRAME }) }),
    ...defined({ status, highWaterMark, deadlines }),
  }
})

/** Timers of JavaScript hold 31 bits; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

function isTimerMs(ms: number): boolean {
  return typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS
}

function badOption(message: string): Error {
  return sseError('CZ_SSE_OPTION', message)
}
