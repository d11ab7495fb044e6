import { toBytes } from '../byte-block.ts'
import { topicError } from './errors.ts'
import type { ItemEncoder, ResolvedOptions } from '../options.ts'
import type { StreamSink } from '../sink.ts'
import type { ItemIterator, StoppableStream, StreamItem } from '../source.ts'
import type { Broadcast } from './broadcast.ts'
import { BATCH_BYTES, join, type LoggedFrame } from './frame-log.ts'
import type { JoinedStream, JoinTerms } from './join.ts'
import type { ResolvedSubscribeOptions } from './options.ts'
import type { TopicOwner } from './shared.ts'

type Result = IteratorResult<string | Uint8Array, undefined>

/**
 * One cursor in a topic's log, with the policy that keeps it from falling too far behind. The pump reads it as it reads any
 * source; nothing is queued here, and no promise is made for an event.
 *
 * @internal
 */
export class Subscriber<Item> implements ItemIterator, JoinedStream {
  /** The sequence that comes next. */
  cursor: number
  /** It has had everything, and the pump waits. */
  waiting = false
  // Of the frames from the cursor on, those that it does not get.
  private skippedFrames = 0
  private skippedBytes = 0
  /** It was said that it is behind, and it has not caught up since. */
  private warned = false
  /** Frames lost just before the cursor. */
  private lost: number | undefined = 0
  private failure: { readonly error: unknown } | undefined
  private stream: StoppableStream | undefined
  private gone = false
  private answer: ((result: Result) => void) | undefined
  private reject: ((error: unknown) => void) | undefined
  /** Stands for the promise of a next frame, and is the same each time: what waits for it is the pump alone. */
  // oxlint-disable-next-line no-thenable -- Made for one consumer, instead of a promise for each event.
  private readonly promise: PromiseLike<Result> = { then: (ok, failed) => this.subscribe(ok, failed) as never }

  constructor(
    private readonly topic: Broadcast<Item>,
    private readonly options: ResolvedSubscribeOptions<Item>,
  ) {
    this.cursor = topic.log.newest + 1
  }

  start(owner: TopicOwner | undefined): void {
    if (this.options.after !== undefined) this.rewind(this.options.after, owner)
  }

  get filters(): boolean {
    return this.options.filter !== undefined
  }

  get encoded(): boolean {
    return this.topic.encodes
  }

  // ── what the pump calls ────────────────────────────────────────────────────────────────────────────────────────────

  next(): Result | PromiseLike<Result> {
    const result = this.failure !== undefined ? undefined : this.gone ? END : this.take()
    if (this.failure !== undefined) throw this.failure.error // It may be new: that of a notice.
    if (result !== undefined) return result
    if (this.topic.closed) return this.finish()
    this.waiting = true
    this.warned = false
    this.topic.wait(this)
    return this.promise
  }

  return(): Result {
    if (!this.gone) this.leave()
    const { answer } = this
    this.answer = undefined
    answer?.(END)
    return END
  }

  /** Also while the pump does not ask (the client is stalled), the stream can be stopped. */
  attach(stream: StoppableStream): void {
    this.stream = stream
  }

  // ── behind the sink ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Who has had everything can go on in a sink that reads the log itself. Gives the terms where it does. */
  join(sink: StreamSink, stream: ResolvedOptions, encoder: ItemEncoder<never> | undefined): JoinTerms | undefined {
    const { topic, options } = this
    const hasAll = this.waiting && this.cursor === topic.log.newest + 1 && this.lost === 0
    if (!hasAll || topic.closed || options.policy === 'block' || options.behind !== undefined) return undefined
    const terms = { subscribe: options, stream, farewell: encoder?.farewell }
    if (sink.join?.(topic, terms, this) !== true) return undefined
    this.leave()
    return terms
  }

  through(): void {
    this.answer?.(END)
  }

  stop(outcome: 'timeout' | 'source-error', reason: unknown): void {
    this.stream?.stop(outcome, reason)
  }

  // ── what the topic calls ───────────────────────────────────────────────────────────────────────────────────────────

  /** A frame was published. This is where filter and policy decide. */
  offer(frame: LoggedFrame<Item>): void {
    const { filter, policy, behind } = this.options
    if (frame.sequence < this.cursor) return // It has had it, from another thread.
    if (filter !== undefined && !this.passes(filter, frame)) return
    if (this.waiting) return
    if (policy === 'coalesce') this.coalesce()
    if (behind !== undefined && !this.warned && this.exceeds(0.5)) {
      this.warned = true
      behind()
    }
    if (!this.isFull) return
    if (policy === 'drop-newest') this.skip(frame, true)
    else if (policy === 'evict') this.evict()
    else if (policy === 'block') this.topic.filled(this)
    else this.dropOldest()
  }

  /** Hands over what there is, if there is something. Whether it waits no longer. */
  deliver(): boolean {
    const taken = this.take()
    if (this.gone) return true // A notice has failed.
    const result = taken ?? (this.topic.closed ? this.finish() : undefined)
    if (result === undefined) return false
    this.waiting = false
    const { answer } = this
    this.answer = undefined
    answer?.(result)
    return true
  }

  /** Breaks its stream off. */
  fail(outcome: 'timeout' | 'source-error', error: unknown): void {
    if (this.gone) return
    this.leave()
    this.failure = { error }
    if (this.stream !== undefined) this.stream.stop(outcome, error)
    else this.reject?.(error)
  }

  get isFull(): boolean {
    return this.exceeds(1)
  }

  /** A producer that does not wait is this far ahead of a blocking subscriber. */
  get isFlooded(): boolean {
    return this.exceeds(2)
  }

  // ── the cursor ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private take(): Result | undefined {
    const { log } = this.topic
    const from = this.cursor
    let result: Result | undefined
    if (this.skippedFrames === 0 && this.lost === 0) {
      if (from > log.newest) return undefined
      const batch = log.batchFrom(from)
      this.cursor = batch.next
      result = batch.result
    } else {
      result = this.takeOwn()
    }
    if (this.cursor !== from) this.topic.moved(this, from)
    return result
  }

  /** Frames that are not those of everybody: some are left out, or were lost. */
  private takeOwn(): Result | undefined {
    const { log } = this.topic
    const frames: (string | Uint8Array)[] = []
    const before = this.takeNotice()
    if (before !== undefined) frames.push(before)
    for (let bytes = 0; this.cursor <= log.newest && bytes < BATCH_BYTES && !this.gone;) {
      const frame = log.get(this.cursor)
      if (this.step(frame)) {
        const notice = this.takeNotice()
        if (notice !== undefined) frames.push(notice)
        frames.push(frame.frame)
        bytes += frame.bytes
      }
    }
    if (this.gone) return undefined
    const value = join(frames)
    return value.length > 0 ? { done: false, value } : undefined
  }

  /** What it gets in the place of the frames that were lost just before the cursor. */
  private takeNotice(): string | Uint8Array | undefined {
    const { lost } = this
    this.lost = 0
    if (lost === 0) return undefined
    try {
      return frameOf(this.options.missed?.(lost))
    } catch (error) {
      this.fail('source-error', error) // It breaks the stream that it belongs to, and no other.
      return undefined
    }
  }

  /** Moves the cursor over a frame. Whether the subscriber gets it. */
  private step(frame: LoggedFrame<Item>): boolean {
    this.cursor++
    const loss = frame.skips?.get(this)
    if (loss === undefined) return true
    frame.skips!.delete(this)
    this.skippedFrames--
    this.skippedBytes -= frame.bytes
    if (loss) this.lose()
    return false
  }

  private lose(): void {
    if (this.lost !== undefined) this.lost++ // What nobody knows stays unknown.
  }

  private skip(frame: LoggedFrame<Item>, loss: boolean): void {
    ;(frame.skips ??= new Map()).set(this, loss)
    this.skippedFrames++
    this.skippedBytes += frame.bytes
    if (loss) this.topic.counts.dropped++
  }

  private rewind(after: number, owner: TopicOwner | undefined): void {
    const { log } = this.topic
    if (after > log.newest) {
      if (owner?.sync === undefined) return this.forget()
      this.cursor = after + 1 // Another thread may be ahead of this one.
      return owner.sync(() => this.cursor > log.newest + 1 && this.forget())
    }
    this.cursor = Math.max(after + 1, log.oldest)
    this.lost = this.cursor - after - 1
    const { filter } = this.options
    if (filter === undefined) return
    for (let sequence = this.cursor; sequence <= log.newest && !this.gone; sequence++) {
      this.passes(filter, log.get(sequence))
    }
  }

  /** It comes from another life of this topic: what happened since is not known. */
  private forget(): void {
    this.cursor = this.topic.log.newest + 1
    this.lost = undefined
    if (this.waiting) this.topic.serve()
  }

  // ── the policy ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private exceeds(times: number): boolean {
    const { log } = this.topic
    const { maxFrames, maxBytes } = this.options
    if (log.newest - this.cursor + 1 - this.skippedFrames > maxFrames * times) return true
    return log.bytesFrom(this.cursor) - this.skippedBytes > maxBytes * times
  }

  private passes(filter: (item: Item) => boolean, frame: LoggedFrame<Item>): boolean {
    try {
      if (filter(frame.item)) return true
      this.skip(frame, false)
    } catch (error) {
      this.fail('source-error', error) // It breaks the stream that it belongs to, and no other.
    }
    return false
  }

  private coalesce(): void {
    const superseded = this.topic.superseded
    if (superseded < this.cursor) return
    const older = this.topic.log.get(superseded)
    if (older.skips?.has(this) === true) return
    this.skip(older, false)
    this.topic.counts.coalesced++
  }

  private dropOldest(): void {
    const { log, counts } = this.topic
    const from = this.cursor
    while (this.isFull && this.cursor < log.newest) {
      if (!this.step(log.get(this.cursor))) continue
      this.lose()
      counts.dropped++
    }
    this.topic.moved(this, from)
  }

  private evict(): void {
    this.topic.counts.evicted++
    this.fail('timeout', evictedError(this.options))
  }

  // ── waiting and leaving ────────────────────────────────────────────────────────────────────────────────────────────

  private subscribe(ok: unknown, failed: unknown): void {
    this.answer = ok as (result: Result) => void
    this.reject = failed as (error: unknown) => void
  }

  private finish(): Result {
    this.leave()
    return END
  }

  private leave(): void {
    this.gone = true
    const { log } = this.topic
    if (this.skippedFrames > 0) {
      for (let sequence = this.cursor; sequence <= log.newest; sequence++) log.get(sequence).skips?.delete(this)
    }
    this.topic.left(this)
  }
}

/** @internal */
export function evictedError({
  maxFrames,
  maxBytes,
}: {
  readonly maxFrames: number
  readonly maxBytes: number
}): Error {
  const message = `The client is more than ${maxFrames} frames or ${maxBytes} bytes behind the topic`
  return topicError('CZ_TOPIC_EVICTED', message)
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })

function frameOf(item: StreamItem | undefined): string | Uint8Array | undefined {
  return item === undefined || typeof item === 'string' ? item : toBytes(item)
}
