import type { Logger } from '../logger.ts'
import { Turn } from './turn.ts'
import {
  pack,
  packReason,
  unpack,
  unpackReason,
  type FromTopicOwner,
  type Parcel,
  type Retention,
  type ToTopicOwner,
} from './topic-messages.ts'
import { append, keepTopics, type TopicKeeper, type TopicPart } from './topic-registry.ts'

interface Kept {
  readonly parcel: Parcel
  readonly at: number
}

/** A worker, as the hub sees it. */
export interface Line {
  /** @param bytes about what they take; to be told by `taken()` when the worker has handled them. */
  send(messages: readonly FromTopicOwner[], bytes: number): void
  /** It takes nothing, and what waits for it is too much to keep. */
  behind(bytes: number): void
}

/** Bytes that may wait for a worker whose loop stands still. */
const MOST_WAITING = 64 * 1024 * 1024

/** What a message takes besides its content. */
const MESSAGE_BYTES = 64

const HUB = Symbol.for('catzilla.topic-hub')

/**
 * The topics with a name of this process, on the main thread: the one place where their sequences are given. It keeps what
 * their options ask for, so that a worker that starts later (or again) has it, too.
 *
 *   publish() in a worker ─▶ batch of its turn ─▶ hub: next sequence ─▶ batch of this turn ─▶ every worker
 */
export class TopicHub implements TopicKeeper {
  private readonly topics = new Map<string, HubTopic>()

  private constructor(private readonly logger: Logger) {}

  /** One for all servers of this thread, of whichever copy of this package. */
  static ofThisThread(logger: Logger): TopicHub {
    const host = globalThis as { [HUB]?: TopicHub }
    if (host[HUB] === undefined) keepTopics((host[HUB] = new TopicHub(logger)))
    return host[HUB]
  }

  /** A topic was made in this thread. */
  add(part: TopicPart): void {
    this.topicOf(part.name, part.retention).addPart(part)
  }

  connect(line: Line): Connection {
    return new Connection(line, (name, retention) => this.topicOf(name, retention))
  }

  private topicOf(name: string, retention: Retention): HubTopic {
    let topic = this.topics.get(name)
    if (topic === undefined) this.topics.set(name, (topic = new HubTopic(name, this.logger)))
    topic.keep(retention)
    return topic
  }
}

/** The topics of one worker. */
export class Connection {
  /** By the numbers of the worker. */
  private readonly topics = new Map<number, HubTopic>()
  private readonly turn: Turn<FromTopicOwner>
  /** Of the batch of this turn, and of those that the worker has not handled. */
  private sending = 0
  private waiting = 0

  constructor(
    line: Line,
    private readonly topicOf: (name: string, retention: Retention) => HubTopic,
  ) {
    this.turn = new Turn((messages) => {
      const before = this.waiting
      const bytes = this.sending
      this.sending = 0
      this.waiting += bytes
      // The first batch may be as large as it is: what is kept for a worker that starts has bounds of its own.
      if (before > 0 && this.waiting > MOST_WAITING) line.behind(this.waiting)
      else line.send(messages, bytes)
    })
  }

  /** The worker has handled so much. */
  taken(bytes: number): void {
    this.waiting -= bytes
  }

  receive(messages: readonly ToTopicOwner[]): void {
    for (const message of messages) this.apply(message)
  }

  private apply([number, ...rest]: ToTopicOwner): void {
    if (rest[0] === 'join') {
      const joined = this.topicOf(rest[1], rest[2])
      this.topics.set(number, joined)
      return joined.addRemote({ connection: this, number })
    }
    const topic = this.topics.get(number)!
    switch (rest[0]) {
      case 'item':
      case 'packed':
        return topic.publish(rest)
      case 'sync':
        return this.send([number, 'synced'])
      case 'close':
        return topic.close()
      case 'abort':
        return topic.abort(rest[1])
    }
  }

  send(message: FromTopicOwner): void {
    const [, what, bytes] = message
    this.sending += MESSAGE_BYTES + (what === 'item' || what === 'packed' ? bytes : 0)
    this.turn.add(message)
  }

  /** The worker is gone. */
  end(): void {
    this.turn.cancel()
    for (const topic of new Set(this.topics.values())) topic.removeRemotes(this)
  }
}

/** A topic of one worker. */
interface Remote {
  readonly connection: Connection
  readonly number: number
}

class HubTopic {
  private newest = 0
  private kept: Kept[] = []
  /** Of `kept`, those that are gone already. */
  private gone = 0
  private keptBytes = 0
  private retention: Retention = { frames: 0, bytes: 0, ageMs: 0 }
  private readonly parts: TopicPart[] = []
  private remotes: Remote[] = []
  private ended: readonly ['close'] | readonly ['abort', Uint8Array] | undefined

  constructor(
    private readonly name: string,
    private readonly logger: Logger,
  ) {}

  /** Threads may ask for different things; the most is kept. */
  keep({ frames, bytes, ageMs }: Retention): void {
    const { retention } = this
    this.retention = {
      frames: Math.max(frames, retention.frames),
      bytes: Math.max(bytes, retention.bytes),
      ageMs: Math.max(ageMs, retention.ageMs),
    }
  }

  /** A topic of this thread. The first one may have been published to already: then that is the past of all. */
  addPart(part: TopicPart): void {
    const { log } = part
    if (this.newest === 0) {
      this.newest = log.oldest - 1
      for (let sequence = log.oldest; sequence <= log.newest; sequence++) this.record(pack(log.get(sequence).item))
    } else {
      this.trim(true)
      log.newest = this.newest - this.kept.length
      for (const { parcel } of this.kept) this.give(part, parcel)
    }
    part.owner = {
      publish: (item, key) => this.publishHere(item, key),
      close: () => this.close(),
      abort: (reason) => this.abort(packReason(reason)),
    }
    this.parts.push(part)
    if (this.ended !== undefined) this.endPart(part)
  }

  addRemote(remote: Remote): void {
    this.trim(true)
    const { connection, number } = remote
    connection.send([number, 'begin', this.newest - this.kept.length])
    for (const { parcel } of this.kept) connection.send([number, ...parcel])
    if (this.ended !== undefined) connection.send([number, ...this.ended])
    this.remotes.push(remote)
  }

  removeRemotes(connection: Connection): void {
    this.remotes = this.remotes.filter((remote) => remote.connection !== connection)
  }

  /** From another thread. */
  publish(parcel: Parcel): void {
    if (this.ended !== undefined) return // It was closed while this was on its way.
    this.spread(parcel)
    for (const part of this.parts) this.give(part, parcel)
  }

  close(): void {
    this.end(['close'])
  }

  abort(reason: Uint8Array): void {
    this.end(['abort', reason])
  }

  /** @throws what `encode` throws; then nobody gets anything. */
  private publishHere(item: unknown, key: unknown): number {
    const parcel = pack(item, key)
    const [first, ...others] = this.parts
    first?.publish(item, key)
    for (const part of others) this.give(part, parcel)
    this.spread(parcel)
    return this.newest
  }

  private spread(parcel: Parcel): void {
    this.record(parcel)
    for (const { connection, number } of this.remotes) connection.send([number, ...parcel])
  }

  private give(part: TopicPart, parcel: Parcel): void {
    const { item, key } = unpack(parcel)
    append(part, item, key, (error) => this.logger.error('an item of topic %s cannot be encoded:', this.name, error))
  }

  private end(ended: NonNullable<HubTopic['ended']>): void {
    if (this.ended !== undefined) return
    this.ended = ended
    for (const part of this.parts) this.endPart(part)
    for (const { connection, number } of this.remotes) connection.send([number, ...ended])
  }

  private endPart(part: TopicPart): void {
    const ended = this.ended!
    if (ended[0] === 'close') part.close()
    else part.abort(unpackReason(ended[1]))
  }

  private record(parcel: Parcel): void {
    this.newest++
    this.kept.push({ parcel, at: performance.now() })
    this.keptBytes += parcel[1]
    this.trim()
  }

  /** Forgets what is beyond the bounds; the array itself is cut only now and then. */
  private trim(rest = false): void {
    const { kept } = this
    const { frames, bytes, ageMs } = this.retention
    const oldest = performance.now() - ageMs
    for (; this.gone < kept.length; this.gone++) {
      const { parcel, at } = kept[this.gone]!
      if (kept.length - this.gone <= frames && this.keptBytes <= bytes && at >= oldest) break
      this.keptBytes -= parcel[1]
      kept[this.gone] = undefined as never
    }
    if (!rest && this.gone * 2 <= kept.length) return
    this.kept = kept.slice(this.gone)
    this.gone = 0
  }
}
