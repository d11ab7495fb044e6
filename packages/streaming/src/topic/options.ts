import { show, streamError } from '../errors.ts'
import { defined, rejectUnknown } from '../option-checks.ts'
import type { StreamItem } from '../source.ts'
import type { Retention } from './frame-log.ts'

/**
 * What happens to a subscriber whose client is behind by more than its bounds:
 *
 * - `drop-oldest`: it misses the oldest frames that still wait for it;
 * - `drop-newest`: it misses what is published while it is full;
 * - `coalesce`: of each key only the newest frame waits for it, whether it is full or not; beyond the bounds, as `drop-oldest`;
 * - `evict`: its stream breaks off, so that the client comes back and catches up;
 * - `block`: nobody misses anything; the producer waits (`await topic.drained()`).
 *
 * None of them touches a subscriber whose client keeps up.
 */
export type QueuePolicy = 'drop-oldest' | 'drop-newest' | 'coalesce' | 'evict' | 'block'

const POLICIES: Record<QueuePolicy, true> = {
  'drop-oldest': true,
  'drop-newest': true,
  coalesce: true,
  evict: true,
  block: true,
}

interface Encoding<Item> {
  /** Makes text or bytes of an item: once, however many subscribers there are. `sequence` counts from 1. */
  encode: (item: Item, sequence: number) => StreamItem
}

interface Keeping {
  /**
   * What those get who subscribe `after` a sequence; each bound holds.
   * @defaultValue nothing; with a `retain`, without the bounds that it leaves out
   */
  retain?: { frames?: number; bytes?: number; ageMs?: number }
  /**
   * One topic in all threads of a server (`listen({ workers })`): what is published to this name in any of them gets there, with
   * the same sequences in the same order. Items are copied from thread to thread, and encoded in each. Subscribers cannot `block`.
   * @defaultValue a topic of this thread alone
   */
  name?: string
}

/** `encode` may be left out where the items are text or bytes. */
export type TopicOptions<Item> = Keeping & ([Item] extends [StreamItem] ? Partial<Encoding<Item>> : Encoding<Item>)

export interface SubscribeOptions<Item> {
  /**
   * Begin with what was published after this sequence, then go on live without a gap or a duplicate. What is no longer kept
   * counts as missed.
   * @defaultValue live: what is published from the start of the stream on
   */
  after?: number
  /** Runs when something is published (for what `after` brings, when the stream starts); `false` leaves the item out. */
  filter?: (item: Item) => boolean
  /** @defaultValue 'drop-oldest' */
  policy?: QueuePolicy
  /**
   * Frames that may wait for a client that is behind.
   * @defaultValue 1024
   */
  maxFrames?: number
  /**
   * Bytes that may wait for a client that is behind.
   * @defaultValue 1048576
   */
  maxBytes?: number
  /**
   * Makes what a subscriber gets in the place of frames that it missed. `count` is `undefined` where nobody knows it: `after`
   * was a sequence that this topic has not reached.
   */
  missed?: (count: number | undefined) => StreamItem | undefined
  /**
   * Called when more than half of what its bounds allow waits for a client, and again only after it has caught up. A subscriber with it
   * is never handed over to the native engine.
   */
  behind?: () => void
}

/** @internal */
export interface ResolvedTopicOptions<Item> {
  readonly encode: ((item: Item, sequence: number) => StreamItem) | undefined
  readonly retention: Retention
  readonly name: string | undefined
}

const NOTHING: Retention = Object.freeze({ frames: 0, bytes: 0, ageMs: 0 })
const UNBOUNDED: Retention = Object.freeze({ frames: Infinity, bytes: Infinity, ageMs: Infinity })

const TOPIC_DEFAULTS = Object.freeze({ encode: undefined, retain: undefined, name: undefined })

const SUBSCRIBE_DEFAULTS: ResolvedSubscribeOptions<never> = Object.freeze({
  after: undefined,
  filter: undefined,
  policy: 'drop-oldest',
  maxFrames: 1024,
  maxBytes: 1024 * 1024,
  missed: undefined,
  behind: undefined,
})

/** @internal */
export interface ResolvedSubscribeOptions<Item> {
  readonly after: number | undefined
  readonly filter: ((item: Item) => boolean) | undefined
  readonly policy: QueuePolicy
  readonly maxFrames: number
  readonly maxBytes: number
  readonly missed: ((count: number | undefined) => StreamItem | undefined) | undefined
  readonly behind: (() => void) | undefined
}

/** @internal */
export function resolveTopicOptions<Item>(options: Partial<Encoding<Item>> & Keeping = {}): ResolvedTopicOptions<Item> {
  rejectUnknown(options, TOPIC_DEFAULTS, optionError, 'topic option')
  const { encode, retain, name } = options
  if (encode !== undefined && typeof encode !== 'function') throw badOption('encode', 'a function', encode)
  if (name !== undefined && (typeof name !== 'string' || name === '')) throw badOption('name', 'a text', name)
  if (retain === undefined) return { encode, retention: NOTHING, name }
  rejectUnknown(retain, UNBOUNDED, optionError, 'bound of retain')
  const bounds = defined(retain)
  for (const [name, value] of Object.entries(bounds)) requireCount(value, `retain.${name}`, 0)
  return { encode, retention: { ...UNBOUNDED, ...bounds }, name }
}

/** @internal */
export function resolveSubscribeOptions<Item>(
  options: SubscribeOptions<Item> = {},
  shared = false,
): ResolvedSubscribeOptions<Item> {
  rejectUnknown(options, SUBSCRIBE_DEFAULTS, optionError, 'subscribe option')
  const { after, policy, maxFrames, maxBytes } = options
  if (after !== undefined) requireCount(after, 'after', 0)
  if (maxFrames !== undefined) requireCount(maxFrames, 'maxFrames', 1)
  if (maxBytes !== undefined) requireCount(maxBytes, 'maxBytes', 1)
  if (policy !== undefined && !Object.hasOwn(POLICIES, policy)) {
    throw badOption('policy', `one of ${Object.keys(POLICIES).join(', ')}`, policy)
  }
  if (shared && policy === 'block')
    throw badOption('policy of a topic with a name', 'one that no thread waits for', policy)
  return { ...(SUBSCRIBE_DEFAULTS as ResolvedSubscribeOptions<Item>), ...defined(options) }
}

function requireCount(value: unknown, name: string, least: number): void {
  if (typeof value === 'number' && value >= least && (Number.isInteger(value) || value === Infinity)) return
  throw badOption(name, `a whole number from ${least} on`, value)
}

function badOption(name: string, wanted: string, value: unknown): Error {
  return optionError(`${name} must be ${wanted} (got ${show(value)})`)
}

function optionError(message: string): Error {
  return streamError('CZ_STREAM_OPTION', message)
}
