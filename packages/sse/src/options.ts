import type { ItemEncoder, StreamDeadlines, StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, rememberLast, replaceFields, show } from '@catzilla/streaming/format'
import type { AcceptPolicy } from './accept.ts'
import { encodeEvent, encodeRetry, type Serialize, type SseItem } from './encode.ts'
import { sseError } from './errors.ts'

/** What every event stream has, whether its events are its own or those of a channel. */
export interface StreamFace extends Pick<StreamOptions<never>, 'status' | 'headers' | 'highWaterMark'> {
  deadlines?: Omit<StreamDeadlines, 'totalMs'>
  /**
   * Milliseconds of silence after which a comment is sent, so that no proxy takes the connection for dead; whatever else is
   * written starts them anew. `null` for none.
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
   * Milliseconds after which the stream ends with the farewell, so that clients spread anew over the servers; up to a fifth less,
   * by chance, so that those who came together do not come back together. `null` for none.
   * @defaultValue null
   */
  maxAgeMs?: number | null
  /**
   * An event for clients whose stream is ended while its source goes on: at its maximum age, and when the server shuts down. A
   * reconnection time goes with it, between half and one and a half of `retryMs`, by chance.
   * @defaultValue no event
   */
  farewell?: SseItem
  /**
   * Name of the query parameter that stands in for the field `Last-Event-ID`, for clients that cannot set fields; the field counts
   * before it. `null` for none.
   * @defaultValue 'lastEventId'
   */
  lastEventIdParam?: string | null
}

export interface SseOptions extends StreamFace {
  /**
   * Makes text of `data` that is not a string.
   * @defaultValue JSON.stringify
   */
  serialize?: (data: unknown) => string
  /**
   * What the field `Accept` decides. `any`: nothing, all get events. `only`: who does not accept `text/event-stream` gets a 406.
   * `dual`: who asks for an event stream gets one, and others get JSON: the array of the `data` of all events.
   * @defaultValue 'any'
   */
  accept?: AcceptPolicy
  /**
   * Ends the stream well, with the farewell, when it fires: for a shutdown of hosts that do not stop their streams (all but
   * `catzilla()`).
   */
  until?: AbortSignal
}

export const DEFAULTS = Object.freeze({
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  heartbeatMs: 15_000,
  retryMs: 2_000,
  maxAgeMs: null,
  farewell: undefined,
  lastEventIdParam: 'lastEventId',
  serialize: JSON.stringify as Serialize,
  accept: 'any',
  until: undefined,
})

// The registration of the type: "charset … serves no purpose", as an event stream is always UTF-8, and some clients compare
// the whole field. no-transform and x-accel-buffering keep proxies from collecting events for compression or speed.
const FIELDS = [
  ['content-type', 'text/event-stream'],
  ['cache-control', 'no-cache, no-transform'],
  ['x-accel-buffering', 'no'],
] as const

const HEARTBEAT_FRAME = ':\n\n'

type SseEncoder = ItemEncoder<SseItem> & { encode(item: SseItem): string }

/** Options after checking, and what streams of them share. @internal */
export interface ResolvedSseOptions {
  readonly stream: StreamOptions<SseItem> & { encoder: () => SseEncoder }
  readonly encoder: SseEncoder
  readonly serialize: Serialize
  readonly accept: AcceptPolicy
  readonly maxAgeMs: number | null
  readonly lastEventIdParam: string | null
  readonly until: AbortSignal | undefined
}

/**
 * Fills in the defaults, and says how events become a stream.
 *
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`, and what {@link encodeEvent} throws at the farewell
 * @internal
 */
export function resolveOptions(options: SseOptions = {}): ResolvedSseOptions {
  return resolve(options)
}

const resolve = rememberLast((options: SseOptions): ResolvedSseOptions => {
  rejectUnknown(options, DEFAULTS, badOption)
  const given = { ...DEFAULTS, ...(defined(options) as SseOptions) } as Required<SseOptions>
  const { heartbeatMs, retryMs, maxAgeMs, serialize, accept, lastEventIdParam } = given
  if (heartbeatMs !== null) requireTimerMs(heartbeatMs, 'heartbeatMs')
  if (maxAgeMs !== null) requireTimerMs(maxAgeMs, 'maxAgeMs')
  if (typeof serialize !== 'function') throw badOption(`serialize must be a function (got ${show(serialize)})`)
  if (!['any', 'only', 'dual'].includes(accept))
    throw badOption(`accept must be any, only or dual (got ${show(accept)})`)
  const { status, headers, highWaterMark, deadlines, until, farewell } = options
  if (Object.hasOwn(deadlines ?? {}, 'totalMs')) throw badOption('deadlines.totalMs is maxAgeMs for an event stream')
  const lead = retryMs === null ? undefined : `${encodeRetry(retryMs, 'retryMs')}\n`
  const goodbye = farewell === undefined ? '' : encodeEvent(farewell, serialize)
  const encoder: SseEncoder = {
    lead: () => lead,
    encode: (item) => encodeEvent(item, serialize),
    takesFrames: true,
    farewell: () => (retryMs === null ? '' : `${encodeRetry(scatter(retryMs))}\n`) + goodbye,
  }
  const negotiated = accept === 'any' ? FIELDS : ([...FIELDS, ['vary', 'accept']] as const)
  return {
    stream: {
      head: 'eager', // `onopen` must not wait for the first event.
      headers: Object.freeze(replaceFields(negotiated, headers)),
      encoder: () => encoder,
      ...(heartbeatMs !== null && { heartbeat: Object.freeze({ intervalMs: heartbeatMs, frame: HEARTBEAT_FRAME }) }),
      ...defined({ status, highWaterMark, deadlines }),
    },
    encoder,
    serialize,
    accept,
    maxAgeMs,
    lastEventIdParam,
    until,
  }
})

/** Half to one and a half of it: who was sent away together does not come back together. */
function scatter(ms: number): number {
  return Math.round(ms * (0.5 + Math.random()))
}

/** Timers of JavaScript hold 31 bits; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

function requireTimerMs(ms: unknown, name: string): void {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_TIMER_MS) return
  throw badOption(`${name} must be above 0 and at most ${MAX_TIMER_MS}, or null (got ${show(ms)})`)
}

function badOption(message: string): Error {
  return sseError('CZ_SSE_OPTION', message)
}
