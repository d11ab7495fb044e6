import { show, streamError } from '../errors.ts'
import { JOIN, type ItemIterator, type StreamItem } from '../source.ts'
import { Broadcast } from './broadcast.ts'
import { shareTopic, type TopicOwner } from './shared.ts'
import {
  resolveSubscribeOptions,
  resolveTopicOptions,
  type ResolvedTopicOptions,
  type SubscribeOptions,
  type TopicOptions,
} from './options.ts'

/** What {@link Topic.subscribe} gives: frames as the topic has encoded them. */
export interface TopicFrames extends AsyncIterable<string | Uint8Array> {
  /** @internal */
  [JOIN](): ItemIterator
}

/** Counters of a topic, and what it holds at the moment. */
export interface TopicStats {
  readonly subscribers: number
  /** Items published, which is the newest sequence. */
  readonly published: number
  /** Frames that were lost to a subscriber because its client was behind, summed over all of them. */
  readonly dropped: number
  /** Frames that a newer one of their key took the place of, before a client that was behind got them. */
  readonly coalesced: number
  /** Subscribers whose stream was broken off because they were too far behind. */
  readonly evicted: number
  readonly heldFrames: number
  readonly heldBytes: number
}

/**
 * Broadcast: what is published goes to all who listen, encoded once.
 *
 * A topic is a log of shared frames with one cursor for each subscriber. What is published within one turn leaves each socket
 * in one write. For a client that is behind, frames wait up to its bounds; then its policy decides.
 *
 * @example
 * ```ts
 * const prices = new Topic<Price>({ encode: (price) => `${JSON.stringify(price)}\n` })
 * app.get('/prices', () => new StreamingResponse(prices.subscribe({ policy: 'coalesce' }), { head: 'eager' }))
 * feed.on('price', (price) => prices.publish(price, { key: price.symbol }))
 * ```
 */
export class Topic<Item = StreamItem> {
  private readonly broadcast: Broadcast<Item>
  private readonly encode: ResolvedTopicOptions<Item>['encode']
  /** In the place of this thread, where topics of this name are one in several. */
  private readonly shared: { owner?: TopicOwner } | undefined

  /** @throws {TypeError} `CZ_STREAM_OPTION` */
  constructor(...options: [Item] extends [StreamItem] ? [options?: TopicOptions<Item>] : [options: TopicOptions<Item>])
  constructor(options?: TopicOptions<Item>) {
    const { encode, retention, name } = resolveTopicOptions<Item>(options)
    const broadcast = (this.broadcast = new Broadcast(retention, encode !== undefined))
    this.encode = encode
    if (name === undefined) return
    this.shared = shareTopic({
      name,
      retention,
      log: broadcast.log,
      publish: (item, key) => this.append(item as Item, key),
      skip: (item) => broadcast.publish(item as Item, '', undefined),
      close: () => broadcast.close(),
      abort: (reason) => broadcast.abort(reason),
    })
  }

  /**
   * Sends an item to all who listen. It is encoded at once: what `encode` throws comes out here, and nobody gets anything.
   *
   * Where a topic with a `name` is shared by the threads of a server, the item goes to the thread that gives sequences, with all
   * that this turn publishes, and comes back from there: in a worker nobody has it yet when this returns. It must be something
   * that `structuredClone()` copies. What `encode` throws then is logged in each thread, and leaves a sequence without a frame.
   *
   * @param options.key names the state that the item brings up to date, for subscribers with the policy `coalesce`.
   * @returns its sequence, counted from 1 without gaps; 0 in a worker, where it is not known yet.
   * @throws {TypeError} `CZ_STREAM_ITEM` for what is neither text nor bytes, and not encoded.
   * @throws {RangeError} `CZ_TOPIC_AHEAD` when a subscriber with the policy `block` is behind by twice its bounds.
   * @throws {Error} `CZ_STREAM_CLOSED` after `close()` and `abort()`.
   * @throws {TypeError} `CZ_WORKER_ITEM` where a shared topic gets what cannot be copied to other threads.
   */
  publish(item: Item, options?: { readonly key?: unknown }): number {
    const { broadcast } = this
    if (broadcast.closed) throw streamError('CZ_STREAM_CLOSED', 'The topic is closed; publish before close()')
    const owner = this.shared?.owner
    if (owner !== undefined) return owner.publish(item, options?.key)
    broadcast.refuseFlood()
    return this.append(item, options?.key)
  }

  /**
   * A source of what is published, for a response or for `for await`. It can be used more than once, and holds nothing until a
   * stream starts. What it gives is encoded already.
   *
   * @throws {TypeError} `CZ_STREAM_OPTION`
   */
  subscribe(options?: SubscribeOptions<Item>): TopicFrames {
    const resolved = resolveSubscribeOptions(options, this.shared !== undefined)
    const join = () => this.broadcast.join(resolved, this.shared?.owner)
    return {
      [JOIN]: join,
      [Symbol.asyncIterator]: () => withPromises(join()),
    }
  }

  /** Resolves when no subscriber with the policy `block` is at its bounds: at once, where none is. */
  drained(): Promise<void> {
    return this.broadcast.drained()
  }

  /** Ends the topic well: subscribers get what waits for them, then their streams end. */
  close(): void {
    ;(this.shared?.owner ?? this.broadcast).close()
  }

  /** Ends the topic because its feed failed: the streams of all subscribers break off with `reason`. */
  abort(reason: unknown): void {
    ;(this.shared?.owner ?? this.broadcast).abort(reason)
  }

  get stats(): TopicStats {
    const { log, counts, mirrors } = this.broadcast
    let subscribers = this.broadcast.subscribers.size
    let { size: heldFrames, bytes: heldBytes } = log
    for (const mirror of mirrors) {
      const held = mirror.stats()
      subscribers += held.subscribers
      heldFrames = Math.max(heldFrames, held.heldFrames)
      heldBytes = Math.max(heldBytes, held.heldBytes)
    }
    return { subscribers, published: log.newest, ...counts, heldFrames, heldBytes }
  }

  private append(item: Item, key: unknown): number {
    const { broadcast, encode } = this
    const encoded: unknown = encode === undefined ? item : encode(item, broadcast.log.newest + 1)
    return broadcast.publish(item, requireFrame(encoded), key)
  }
}

function requireFrame(encoded: unknown): StreamItem {
  if (typeof encoded === 'string' || ArrayBuffer.isView(encoded)) return encoded
  const cure = 'publish text or bytes, or give the topic an encode()'
  throw streamError('CZ_STREAM_ITEM', `A topic sends text or bytes (got ${show(encoded)}); ${cure}`)
}

/** For consumers other than a pump: calls of `next()` wait for each other, and each has a promise of its own. */
function withPromises(iterator: ItemIterator): AsyncIterator<string | Uint8Array, undefined> {
  type Result = IteratorResult<string | Uint8Array, undefined>
  let last: Promise<unknown> = Promise.resolve()
  const ask = () =>
    new Promise<Result>((resolve, reject) => {
      const result = iterator.next() as Result | PromiseLike<Result>
      if ('then' in result) result.then(resolve, reject)
      else resolve(result)
    })
  return {
    next() {
      const result = last.then(ask)
      last = result.catch(() => {})
      return result
    },
    async return() {
      return iterator.return?.() as Result
    },
  }
}
