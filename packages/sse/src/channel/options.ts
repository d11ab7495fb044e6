import type { QueuePolicy } from '@catzilla/streaming'
import { defined, rejectUnknown, show } from '@catzilla/streaming/format'
import type { Bus, BusRetention } from '../bus/bus.ts'
import type { SseItem } from '../encode.ts'
import { sseError } from '../errors.ts'
import { DEFAULTS as FACE, resolveOptions, type ResolvedSseOptions, type SseOptions } from '../options.ts'

/** How much of a channel's past is kept for clients that come back; each bound holds. */
export interface ReplayOptions {
  /** @defaultValue no bound, where another is given */
  events?: number
  /** Of encoded events. */
  bytes?: number
  ageMs?: number
}

/** Why a client cannot go on from where it was. */
export interface Resync {
  /**
   * - `expired`: what it has missed is no longer kept;
   * - `unknown`: its id is none of this channel, or of an earlier life of it;
   * - `behind`: it took events too slowly, and lost some;
   * - `gap`: this server was cut off from the bus for longer than the bus keeps events.
   */
  readonly reason: 'expired' | 'unknown' | 'behind' | 'gap'
  /** Events that it missed, where that is known. */
  readonly missed?: number
}

/** How far a client may be behind, and what happens beyond that. */
export interface BoundOptions {
  /**
   * What happens to a client that is behind by more than its bounds. `evict` breaks its stream off: it comes back with its last id,
   * and gets what it missed from the replay, or a resync.
   * @defaultValue 'evict'
   */
  policy?: QueuePolicy
  /**
   * Events that may wait for one client.
   * @defaultValue 1024
   */
  maxEvents?: number
  /**
   * Bytes that may wait for one client.
   * @defaultValue 1048576
   */
  maxBytes?: number
}

export interface ChannelOptions extends Omit<SseOptions, 'accept' | 'until'>, BoundOptions {
  /**
   * Scope of the ids, and the name by which processes with the same bus share the channel.
   * @defaultValue a random one
   */
  name?: string
  /** @defaultValue nothing is kept */
  replay?: ReplayOptions
  /**
   * Carries the events between processes.
   * @defaultValue none: a channel within this process
   */
  bus?: Bus
  /**
   * `only`: who does not accept `text/event-stream` gets a 406.
   * @defaultValue 'any'
   */
  accept?: 'any' | 'only'
  /**
   * The reverse of `serialize`, for filters on other machines than the publisher's.
   * @defaultValue JSON.parse
   */
  deserialize?: (text: string) => unknown
  /**
   * What a client gets in the place of what it has missed for good; `undefined` for nothing.
   * @defaultValue `{ event: 'resync', data: { reason, missed } }`
   */
  resync?: (resync: Resync) => SseItem | undefined
}

export interface ChannelSubscribeOptions<Item>
  extends Omit<SseOptions, 'accept' | 'until' | 'serialize'>, BoundOptions {
  /** Runs once for each event that is published; `false` leaves it out for this client. */
  filter?: (item: Item) => boolean
  /** Who this is, for `join`, `leave` and {@link Channel.members}. */
  member?: unknown
  /**
   * Where a client begins that brings no id: with what is published from now on, or with all that is kept.
   * @defaultValue 'live'
   */
  from?: 'live' | 'start'
}

const CHANNEL = Object.freeze({
  name: undefined,
  replay: undefined,
  bus: undefined,
  deserialize: JSON.parse,
  resync: (resync: Resync): SseItem => ({ event: 'resync', data: resync }),
})

const BOUNDS: Required<BoundOptions> = Object.freeze({ policy: 'evict', maxEvents: 1024, maxBytes: 1024 * 1024 })

const SUBSCRIBE = Object.freeze({ filter: undefined, member: undefined, from: 'live' as const })

const { until: _until, ...STREAM } = FACE
const CHANNEL_KEYS = { ...STREAM, ...CHANNEL, ...BOUNDS }
const { accept: _accept, serialize: _serialize, ...SUBSCRIBER_STREAM } = STREAM
const SUBSCRIBE_KEYS = { ...SUBSCRIBER_STREAM, ...BOUNDS, ...SUBSCRIBE }

/** @internal */
export interface ResolvedChannelOptions {
  readonly name: string
  readonly retain: BusRetention
  readonly bus: Bus | undefined
  readonly deserialize: (text: string) => unknown
  readonly resync: (resync: Resync) => SseItem | undefined
  readonly bounds: Required<BoundOptions>
  /** What the streams of subscribers have in common. */
  readonly face: SseOptions
  readonly settings: ResolvedSseOptions
}

/**
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 * @internal
 */
export function resolveChannelOptions(options: ChannelOptions = {}): ResolvedChannelOptions {
  rejectUnknown(options, CHANNEL_KEYS, badOption, 'channel option')
  const { name, replay, bus, deserialize, resync, policy, maxEvents, maxBytes, ...face } = options
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw badOption(`name must be text (got ${show(name)})`)
  if (bus !== undefined && policy === 'block') {
    throw badOption('policy block needs publishers that wait, and those of a bus are on other machines; take another')
  }
  return {
    name: name ?? crypto.randomUUID(),
    retain: retentionOf(replay),
    bus,
    deserialize: deserialize ?? CHANNEL.deserialize,
    resync: resync ?? CHANNEL.resync,
    bounds: { ...BOUNDS, ...defined({ policy, maxEvents, maxBytes }) },
    face,
    settings: resolveOptions(face),
  }
}

/** @internal */
export interface ResolvedSubscription<Item> {
  readonly filter: ((item: Item) => boolean) | undefined
  readonly member: unknown
  readonly from: 'live' | 'start'
  readonly bounds: Required<BoundOptions>
  readonly settings: ResolvedSseOptions
}

/**
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 * @internal
 */
export function resolveSubscription<Item>(
  channel: ResolvedChannelOptions,
  options: ChannelSubscribeOptions<Item>,
): ResolvedSubscription<Item> {
  rejectUnknown(options, SUBSCRIBE_KEYS, badOption, 'subscribe option')
  const { filter, member, from = SUBSCRIBE.from, policy, maxEvents, maxBytes, ...face } = options
  if (from !== 'live' && from !== 'start') throw badOption(`from must be live or start (got ${show(from)})`)
  if (channel.bus !== undefined && policy === 'block') throw badOption('policy block needs a channel without a bus')
  const own = Object.keys(face).length > 0
  const bounds = { ...channel.bounds, ...defined({ policy, maxEvents, maxBytes }) }
  return {
    filter,
    member,
    from,
    bounds,
    settings: own ? resolveOptions({ ...channel.face, ...face }) : channel.settings,
  }
}

function retentionOf(replay: ReplayOptions | undefined): BusRetention {
  if (replay === undefined) return { events: 0, bytes: 0, ageMs: 0 }
  const unbounded = { events: Infinity, bytes: Infinity, ageMs: Infinity }
  rejectUnknown(replay, unbounded, badOption, 'bound of replay')
  for (const [name, value] of Object.entries(defined(replay))) {
    if (typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value === Infinity)) continue
    throw badOption(`replay.${name} must be a whole number from 0 on (got ${show(value)})`)
  }
  return { ...unbounded, ...defined(replay) }
}

function badOption(message: string): Error {
  return sseError('CZ_SSE_OPTION', message)
}
