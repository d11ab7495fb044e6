import { topicError } from './errors.ts'
import { Gate } from '../gate.ts'
import { afterMicrotasks, nextTurn, TURN_MS } from '../scheduler.ts'
import type { StreamItem } from '../source.ts'
import { FrameLog, type Retention } from './frame-log.ts'
import type { LogMirror, MirroredTopic } from './join.ts'
import type { ResolvedSubscribeOptions } from './options.ts'
import type { TopicOwner } from './shared.ts'
import { Subscriber } from './subscriber.ts'

/** The clock is read every few deliveries. */
const CLOCK_STEP = 32

/** Keys whose last frame is gone are forgotten when there are this many more than frames. */
const SPARE_KEYS = 1024

/**
 * The engine of a topic: the log, who reads it, and the rounds in which those who wait are given what was published.
 *
 * A subscriber is either waiting (it has had everything) or behind (its pump comes when its client can take more). Waiting ones
 * are served in rounds; each round takes as many turns as it needs. Those behind are looked at when something is published:
 * that is where their policy decides.
 *
 * @internal
 */
export class Broadcast<Item> implements MirroredTopic {
  readonly log: FrameLog<Item>
  /** Of sinks that read the log themselves, for those who joined it there. */
  readonly mirrors = new Set<LogMirror>()
  readonly subscribers = new Set<Subscriber<Item>>()
  readonly counts = { dropped: 0, coalesced: 0, evicted: 0 }
  closed = false
  /** The frame that the one being published brings up to date: the last one of its key; 0 without one. */
  superseded = 0

  private waiting = new Set<Subscriber<Item>>()
  /** Those whose turn in this round is still to come. */
  private round = new Set<Subscriber<Item>>()
  private scheduled = false
  /** Something was published (or the topic closed) since this round began. */
  private news = false
  private trimScheduled = false
  /** How many want to look at each item, whether they are behind or not. */
  private filters = 0
  private readonly sequenceOfKey = new Map<unknown, number>()
  /** Subscribers with the policy `block` that are at their bounds, and those who wait for them. */
  private readonly full = new Set<Subscriber<Item>>()
  private gate: Gate | undefined
  private failure: { readonly reason: unknown } | undefined

  constructor(
    retention: Retention,
    /** Its frames are made by an `encode` of the topic. */
    readonly encodes: boolean,
  ) {
    this.log = new FrameLog(retention)
  }

  publish(item: Item, encoded: StreamItem, key: unknown): number {
    const frame = this.log.append(item, encoded)
    this.superseded = key === undefined ? 0 : (this.sequenceOfKey.get(key) ?? 0)
    if (key !== undefined) this.sequenceOfKey.set(key, frame.sequence)
    if (this.filters > 0 || this.waiting.size + this.round.size < this.subscribers.size) {
      for (const subscriber of this.subscribers) subscriber.offer(frame)
    }
    for (const mirror of this.mirrors) mirror.publish(item, frame.frame, this.superseded)
    this.serve()
    return frame.sequence
  }

  /** @throws {RangeError} `CZ_TOPIC_AHEAD` */
  refuseFlood(): void {
    for (const subscriber of this.full) {
      if (!subscriber.isFlooded) continue
      const message = 'A subscriber with the policy block is behind by twice its bounds; await topic.drained() first'
      throw topicError('CZ_TOPIC_AHEAD', message)
    }
  }

  drained(): Promise<void> {
    if (this.full.size === 0) return Promise.resolve()
    return (this.gate ??= new Gate()).passed
  }

  close(): void {
    this.closed = true
    for (const mirror of this.mirrors) mirror.close()
    this.serve()
  }

  abort(reason: unknown): void {
    this.closed = true
    this.failure ??= { reason }
    for (const subscriber of this.subscribers) subscriber.fail('source-error', reason)
    for (const mirror of this.mirrors) mirror.abort(reason)
  }

  // ── what subscribers call ──────────────────────────────────────────────────────────────────────────────────────────

  join(options: ResolvedSubscribeOptions<Item>, owner?: TopicOwner): Subscriber<Item> {
    const subscriber = new Subscriber(this, options)
    this.subscribers.add(subscriber)
    if (subscriber.filters) this.filters++
    if (this.failure !== undefined) subscriber.fail('source-error', this.failure.reason)
    else subscriber.start(owner)
    return subscriber
  }

  /** It has had everything: the next round is for it, too. */
  wait(subscriber: Subscriber<Item>): void {
    this.waiting.add(subscriber)
  }

  /** A subscriber with the policy `block` has reached its bounds. */
  filled(subscriber: Subscriber<Item>): void {
    this.full.add(subscriber)
  }

  /** A cursor went on from `sequence`: frames may have become free, and a producer may go on. */
  moved(subscriber: Subscriber<Item>, sequence: number): void {
    if (this.full.has(subscriber) && !subscriber.isFull) this.emptied(subscriber)
    if (sequence === this.log.oldest && !this.scheduled) this.trimSoon()
  }

  left(subscriber: Subscriber<Item>): void {
    if (!this.subscribers.delete(subscriber)) return
    if (subscriber.filters) this.filters--
    this.waiting.delete(subscriber)
    this.round.delete(subscriber)
    this.emptied(subscriber)
    if (subscriber.cursor === this.log.oldest) this.trimSoon()
  }

  private emptied(subscriber: Subscriber<Item>): void {
    this.full.delete(subscriber)
    if (this.full.size > 0) return
    this.gate?.open()
    this.gate = undefined
  }

  // ── rounds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What one turn publishes is handed over when its microtasks have drained: joined, and once. */
  serve(): void {
    this.news = true
    if (this.scheduled) return
    this.scheduled = true
    afterMicrotasks(serveRound, this as Broadcast<unknown>)
  }

  /** @internal */
  serveRound(): void {
    if (this.round.size === 0) {
      ;[this.round, this.waiting] = [this.waiting, this.round]
      this.news = false
    }
    const start = performance.now()
    let served = 0
    for (const subscriber of this.round) {
      this.round.delete(subscriber)
      if (!subscriber.deliver()) this.waiting.add(subscriber)
      if (++served % CLOCK_STEP === 0 && performance.now() - start >= TURN_MS) break
    }
    if (this.round.size > 0 || this.news) return nextTurn(serveRound, this as Broadcast<unknown>)
    this.scheduled = false
    this.trim()
  }

  private trimSoon(): void {
    if (this.trimScheduled) return
    this.trimScheduled = true
    afterMicrotasks(trim, this as Broadcast<unknown>)
  }

  /** @internal */
  trim(): void {
    this.trimScheduled = false
    const { log, sequenceOfKey } = this
    let needed = log.newest + 1
    for (const { cursor } of this.subscribers) if (cursor < needed) needed = cursor
    log.trim(needed)
    if (sequenceOfKey.size < log.size + SPARE_KEYS) return
    for (const [key, sequence] of sequenceOfKey) if (sequence < log.oldest) sequenceOfKey.delete(key)
  }
}

function serveRound(broadcast: Broadcast<unknown>): void {
  broadcast.serveRound()
}

function trim(broadcast: Broadcast<unknown>): void {
  broadcast.trim()
}
