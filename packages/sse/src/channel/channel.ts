import { isCatzillaError, Topic, type StreamEnd, type StreamingResponse, type StreamRequest } from '@catzilla/streaming'
import type { BusFollower, BusFollowing, BusMessage, BusPosition } from '../bus/bus.ts'
import { lastEventIdOf } from '../context.ts'
import { placeId, type SseItem } from '../encode.ts'
import { sseError } from '../errors.ts'
import { EventStream, type Begun } from '../event-stream.ts'
import { Emitter } from './emitter.ts'
import { Entry, toMessage } from './entry.ts'
import { EventIds } from './ids.ts'
import {
  resolveChannelOptions,
  resolveSubscription,
  type ChannelOptions,
  type ChannelSubscribeOptions,
  type ResolvedChannelOptions,
  type ResolvedSubscription,
  type Resync,
} from './options.ts'
import { WaitingSource } from './waiting-source.ts'

/** One client of a channel. */
export interface Member {
  /** What `subscribe()` was given. */
  readonly member: unknown
  readonly request: StreamRequest
}

/** What a channel tells of its clients, and of its bus. */
export interface ChannelEvents {
  join: Member
  /** With how its stream ended. */
  leave: Member & { readonly end: StreamEnd }
  /**
   * More than half of what its bounds allow waits for it; told again only after it has caught up. Clients that come while somebody
   * listens to this are served in JavaScript, also on the native engine.
   */
  warning: Member
  /** It was too far behind, and its stream was broken off; `leave` follows. */
  evict: Member
  /** It could not go on from where it was. */
  resync: Member & Resync
  /** The bus cannot be read at the moment. Clients keep their streams, and get what they miss when it is back. */
  error: unknown
}

export interface ChannelStats {
  /** Clients that listen to this process. */
  readonly subscribers: number
  readonly published: number
  /** Clients that came back and were given what they had missed. */
  readonly replays: number
  /** Clients that could not go on from where they were. */
  readonly resyncs: number
  /** Events lost to a client that was behind, summed over all. */
  readonly dropped: number
  readonly coalesced: number
  readonly evicted: number
  /** How often a client was seen to be behind, where somebody listens to `warning`. */
  readonly warnings: number
  readonly heldEvents: number
  readonly heldBytes: number
}

/** What a run puts between events. @internal */
export interface ControlListener {
  control(word: string): void
}

/**
 * Makes a channel: what is published to it goes to all who listen, encoded once.
 *
 * Each event gets an id of this channel. A client that comes back with one gets what it has missed and then what comes, without a gap
 * or a duplicate; where that is no longer kept, it gets one `resync` event, and goes on from there. With a `bus`, channels of the same
 * name on all machines are one.
 *
 * @example
 * ```ts
 * const news = createChannel({ name: 'news', replay: { events: 1000 } })
 * app.get('/news', () => news.subscribe())
 * await news.publish({ event: 'headline', data: { title: 'It works' } })
 * ```
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 */
export function createChannel<Item extends SseItem = SseItem>(options?: ChannelOptions): Channel<Item> {
  return new Channel<Item>(resolveChannelOptions(options)).start()
}

/** A broadcast of events; made by {@link createChannel}. */
export class Channel<Item extends SseItem = SseItem> implements BusFollower {
  readonly name: string
  /** Resolves when what the bus keeps of this channel has arrived here; at once without a bus. */
  readonly whenReady: Promise<void>

  private readonly topic: Topic<Entry<Item>>
  private readonly ids: EventIds
  private readonly emitter = new Emitter<ChannelEvents>()
  /** Whether `join` was told of it. */
  private readonly joined = new Map<Member, boolean>()
  private readonly counts = { replays: 0, resyncs: 0, warnings: 0 }
  private following: BusFollowing | undefined
  private resolveReady: () => void = () => {}
  private readied: boolean
  private state: 'open' | 'closing' | 'over' = 'open'

  // Events count up by one, as do the sequences of the topic, so that the one is the other plus an offset. A gap of the bus begins a
  // new segment: what was before it cannot be followed by what is behind.
  private position: BusPosition
  private offset = 0
  private segmentStart = 0
  /** The sequence of the last event; words of a run may follow it. */
  private lastEvent = 0

  /** @internal */
  constructor(
    private readonly options: ResolvedChannelOptions,
    private readonly controls?: ControlListener,
  ) {
    const { name, retain, bus } = options
    this.name = name
    this.ids = new EventIds(name)
    this.topic = new Topic<Entry<Item>>({
      encode: (entry) => entry.frame,
      retain: { frames: retain.events, bytes: retain.bytes, ageMs: retain.ageMs },
    })
    this.readied = bus === undefined
    this.position = { epoch: bus === undefined ? newEpoch() : '', number: 0 }
    this.whenReady = this.readied ? Promise.resolve() : new Promise((resolve) => (this.resolveReady = resolve))
  }

  /** Begins to follow its bus, which may give the past from within the call. @internal */
  start(): this {
    const following = this.options.bus?.follow(this.name, this)
    if (this.state === 'open') this.following = following
    else following?.close()
    return this
  }

  /**
   * Sends an event to all who listen, on all machines.
   *
   * @param options.key names the state that the event brings up to date, for clients with the policy `coalesce`.
   * @returns its id, when it is stored: at once without a bus.
   * @throws what `encodeEvent()` throws, `CZ_SSE_CHANNEL_ID`, `CZ_SSE_CLOSED` and `CZ_TOPIC_AHEAD`, at once: nobody gets anything then,
   * and the channel goes on. Rejects with `CZ_SSE_BUS` when the bus cannot store it.
   */
  publish(item: Item, { key }: { readonly key?: string } = {}): Promise<string> {
    this.requireOpen()
    const message = toMessage(item, this.options.settings.serialize, key)
    if (this.options.bus !== undefined) return this.append(message)
    const { epoch, number } = this.position
    return Promise.resolve(this.give({ epoch, number: number + 1 }, message, item))
  }

  /** Resolves when no client with the policy `block` is at its bounds. */
  drained(): Promise<void> {
    return this.topic.drained()
  }

  /** A response for one client. */
  subscribe(options: ChannelSubscribeOptions<Item> = {}): StreamingResponse<string | Uint8Array> {
    return new ChannelResponse(this, resolveSubscription(this.options, options))
  }

  /** @returns a function that takes the listener away again. */
  on<Name extends keyof ChannelEvents>(name: Name, listener: (event: ChannelEvents[Name]) => void): () => void {
    return this.emitter.on(name, listener)
  }

  /** How many clients listen to this process. */
  get size(): number {
    return this.joined.size
  }

  /** The clients that listen to this process. */
  get members(): Iterable<Member> {
    return this.joined.keys()
  }

  get stats(): ChannelStats {
    const { published, dropped, coalesced, evicted, heldFrames, heldBytes } = this.topic.stats
    const streams = { dropped, coalesced, evicted, heldEvents: heldFrames, heldBytes }
    return { subscribers: this.joined.size, published, ...this.counts, ...streams }
  }

  /**
   * Ends the channel in this process. Its clients get what waits for them and the farewell, and come back, here or elsewhere.
   *
   * @param options.final the channel is over: clients that come back get what they have missed, and then 204, after which they stay
   * away.
   */
  close({ final = false }: { readonly final?: boolean } = {}): void {
    if (this.state !== 'open') return
    this.state = final ? 'over' : 'closing'
    this.following?.close()
    this.resolveReady()
    this.topic.close()
  }

  // ── what runs use ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** A word of this run to those who follow it. @internal */
  control(word: string): Promise<unknown> {
    this.requireOpen()
    const message: BusMessage = { text: '', idAt: 0, form: 'text', control: word }
    return this.options.bus!.append(this.name, [message], this.options.retain)
  }

  /** Breaks the streams of all clients off. @internal */
  fail(reason: unknown): void {
    if (this.state !== 'open') return
    this.state = 'over'
    this.following?.close()
    this.resolveReady()
    this.topic.abort(reason)
  }

  // ── what the bus calls ─────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  message(position: BusPosition, message: BusMessage): void {
    if (this.state === 'open') this.give(position, message, undefined)
  }

  /** @internal */
  ready(): void {
    this.readied = true
    this.resolveReady()
  }

  /** @internal */
  error(error: unknown): void {
    this.emitter.emit('error', error)
  }

  // ── what subscribers call ──────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  begin(request: StreamRequest, subscription: ResolvedSubscription<Item>): Begun {
    const { settings } = subscription
    const member: Member = { member: subscription.member, request }
    const lastEventId = lastEventIdOf(request, settings.lastEventIdParam)
    const start = this.startOf(lastEventId, subscription.from, false)
    if (start === 'over') return { source: null, encoder: undefined }
    this.joined.set(member, false)
    queueMicrotask(() => this.announce(member)) // When it listens: what a listener publishes is for it, too.
    const after = (end: StreamEnd) => this.left(member, end)
    const { lead, farewell } = settings.encoder
    const tail = () => (this.state === 'closing' ? farewell?.() : undefined)
    if (start !== undefined) {
      const ahead = this.welcome(start, member)
      const first = ahead === '' ? lead : () => `${(lead?.() as string | undefined) ?? ''}${ahead}`
      return { source: this.listen(start, subscription, member), encoder: encoderOf(first, tail, farewell), after }
    }
    const source = () => {
      const decided = this.startOf(lastEventId, subscription.from, true) as Start
      return { ahead: this.welcome(decided, member), source: this.listen(decided, subscription, member) }
    }
    const waiting = new WaitingSource(this.caughtUp(), source, request)
    return { source: waiting, encoder: encoderOf(lead, tail, farewell), after }
  }

  private listen(start: Start, { filter, bounds }: ResolvedSubscription<Item>, member: Member): unknown {
    const { policy, maxEvents, maxBytes } = bounds
    // What it has to catch up with is kept in any case: only what comes on top of that counts as being behind.
    const { published, heldBytes } = this.topic.stats
    const catchUp = start.after === undefined ? 0 : published - start.after
    return this.topic.subscribe({
      policy,
      maxFrames: maxEvents + catchUp,
      maxBytes: catchUp === 0 ? maxBytes : maxBytes + heldBytes,
      missed: (missed) => this.resyncFrame(member, missed === undefined ? BEHIND : { ...BEHIND, missed }),
      ...(this.emitter.has('warning') && { behind: () => this.warn(member) }),
      ...(start.after !== undefined && { after: start.after }),
      ...(filter !== undefined && { filter: (entry: Entry<Item>) => filter(entry.item) }),
    })
  }

  /** What a client gets ahead of everything else. */
  private welcome({ after, resync, replays }: Start, member: Member): string {
    if (replays) this.counts.replays++
    if (resync === undefined) return ''
    // With the id of the newest event: it goes on from here, also when it is cut off right away.
    const known = after === undefined && this.position.epoch !== ''
    return this.resyncFrame(member, resync, known ? this.position : undefined)
  }

  private resyncFrame(member: Member | undefined, resync: Resync, position?: BusPosition): string {
    if (member !== undefined) {
      this.counts.resyncs++
      this.emitter.emit('resync', { ...member, ...resync })
    }
    const item = this.options.resync(resync)
    if (item === undefined) return ''
    const message = toMessage(item, this.options.settings.serialize, undefined)
    return position === undefined ? message.text : placeId(message, this.ids.idOf(position))
  }

  private warn(member: Member): void {
    this.counts.warnings++
    this.emitter.emit('warning', member)
  }

  private announce(member: Member): void {
    if (!this.joined.has(member)) return
    this.joined.set(member, true)
    this.emitter.emit('join', member)
  }

  private left(member: Member, end: StreamEnd): void {
    const announced = this.joined.get(member)
    this.joined.delete(member)
    if (announced !== true) return
    if (isCatzillaError(end.error) && end.error.code === 'CZ_TOPIC_EVICTED') this.emitter.emit('evict', member)
    this.emitter.emit('leave', { ...member, end })
  }

  // ── the past ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where a client begins; `undefined` where that cannot be said before the bus has been asked. */
  private startOf(lastEventId: string | null, from: 'live' | 'start', asked: boolean): Start | 'over' | undefined {
    if (!this.readied && !asked) return undefined
    const { published, heldFrames } = this.topic.stats
    const oldest = published - heldFrames + 1
    const over = this.state === 'over'
    if (lastEventId === null) {
      if (from === 'live') return over && !asked ? 'over' : LIVE
      const whole = this.offset === 0 && oldest === 1
      return { after: oldest - 1, resync: whole || published === 0 ? undefined : EXPIRED, replays: heldFrames > 0 }
    }
    const position = this.ids.parse(lastEventId)
    if (position === undefined || position.epoch !== this.position.epoch) return lost(UNKNOWN)
    const after = position.number - this.offset
    if (after > published) return asked || this.options.bus === undefined ? lost(UNKNOWN) : undefined
    if (after < this.segmentStart) return lost(EXPIRED)
    if (after + 1 < oldest) return lost({ ...EXPIRED, missed: published - after })
    if (after >= this.lastEvent && over && !asked) return 'over'
    return { after, resync: undefined, replays: after < published }
  }

  private async caughtUp(): Promise<void> {
    await this.whenReady
    await this.following?.catchUp()
  }

  // ── publishing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private async append(message: BusMessage): Promise<string> {
    const { bus, retain } = this.options
    return this.ids.idOf(await bus!.append(this.name, [message], retain))
  }

  /** Takes what is next in the order of all. */
  private give(position: BusPosition, message: BusMessage, item: Item | undefined): string {
    const { epoch, number } = this.position
    if (position.epoch !== epoch || position.number !== number + 1) this.beginSegment(position, epoch === '')
    const id = this.ids.idOf(position)
    const { control, key, form } = message
    // A word of a run has its place in the order of events, and is nothing to send.
    const frame = control === undefined ? placeId(message, id) : COMMENT
    const entry = new Entry(frame, form, this.options.deserialize, item)
    this.topic.publish(entry, key === undefined ? undefined : { key })
    this.position = position
    if (control === undefined) this.lastEvent = this.topic.stats.published
    else this.controls?.control(control)
    return id
  }

  /** The first events that the bus gives, and those behind a gap. */
  private beginSegment({ epoch, number }: BusPosition, first: boolean): void {
    if (!first) {
      const frame = this.resyncFrame(undefined, GAP, { epoch, number: number - 1 }) || COMMENT
      this.topic.publish(new Entry<Item>(frame, 'text', this.options.deserialize, undefined))
    }
    const { published } = this.topic.stats
    this.offset = number - published - 1
    this.segmentStart = published
  }

  private requireOpen(): void {
    if (this.state !== 'open')
      throw sseError('CZ_SSE_CLOSED', `The channel ${this.name} is closed; publish before close()`)
  }
}

/** A response for a client of a channel: its source is the topic's own, and nothing is encoded for it. */
class ChannelResponse<Item extends SseItem> extends EventStream<string | Uint8Array> {
  constructor(
    private readonly channel: Channel<Item>,
    private readonly subscription: ResolvedSubscription<Item>,
  ) {
    super(subscription.settings)
  }

  protected begin(request: StreamRequest): Begun {
    return this.channel.begin(request, this.subscription)
  }

  protected json(request: StreamRequest): Begun {
    return this.begin(request)
  }
}

interface Start {
  /** The sequence behind which it begins; `undefined` for what comes. */
  readonly after: number | undefined
  readonly resync: Resync | undefined
  readonly replays: boolean
}

/** What has a place in the order, and is nothing to a client. */
const COMMENT = ':\n\n'

const LIVE: Start = Object.freeze({ after: undefined, resync: undefined, replays: false })
const EXPIRED: Resync = Object.freeze({ reason: 'expired' })
const UNKNOWN: Resync = Object.freeze({ reason: 'unknown' })
const BEHIND: Resync = Object.freeze({ reason: 'behind' })
const GAP: Resync = Object.freeze({ reason: 'gap' })

function lost(resync: Resync): Start {
  return { after: undefined, resync, replays: false }
}

function encoderOf(
  lead: NonNullable<Begun['encoder']>['lead'],
  tail: () => ReturnType<NonNullable<NonNullable<Begun['encoder']>['tail']>>,
  farewell: NonNullable<Begun['encoder']>['farewell'],
): NonNullable<Begun['encoder']> {
  return { tail, ...(lead !== undefined && { lead }), ...(farewell !== undefined && { farewell }) }
}

let channels = 0

/** Of this process and moment, so that the ids of an earlier life are seen to be such. */
function newEpoch(): string {
  return Date.now().toString(36) + (channels++).toString(36) + Math.random().toString(36).slice(2, 5)
}
