import {
  sendStream,
  type Exchange,
  type JoinTerms,
  type ResponseHead,
  type StreamEnd,
  type StreamHandle,
  type StreamingResponse,
  type StreamRequest,
  type StreamSink,
} from '@catzilla/streaming'
import type { Audience, RestingExchange, ServerExchange } from './transport/transport.ts'

/** What becomes of a stream is the app's to decide. */
interface DeliveryEvents<Request extends Named, Note> {
  /** It failed before anything was sent: something else can still be answered. */
  failedEarly(carrier: ServerExchange, request: Request, error: unknown, note: Note): void
  /** It was sent to its end, or broken off before. */
  sent(request: Named, end: StreamEnd): void
}

/** What is said of a request when its stream has ended. */
interface Named {
  readonly method: string
  readonly path: string
}

/**
 * The streams that run, so that shutting down can wait for them and then stop them. Whoever is told of an early failure gets
 * the `note` back that it gave.
 */
export class Deliveries<Request extends StreamRequest & Named, Note> {
  /** In any order: each knows its place, so that it leaves at once. A set costs more for each that comes and goes. */
  private readonly running: Delivery<Request, Note>[] = []
  /** Of those that go on in the transport by themselves, the latest of each path. */
  private readonly audiences = new Map<string, StreamAudience<Request, Note>>()
  private inAudiences = 0
  private whenEmpty: (() => void) | undefined

  constructor(
    /** @internal */
    readonly events: DeliveryEvents<Request, Note>,
  ) {}

  get size(): number {
    return this.running.length + this.inAudiences
  }

  start(response: StreamingResponse<never>, request: Request, carrier: ServerExchange, note: Note): void {
    const delivery = new Delivery(this, this.running.length, request, carrier, note)
    this.running.push(delivery)
    delivery.handle = sendStream(response, delivery)
  }

  stopAll(reason: Error): void {
    for (const { handle } of this.running.slice()) handle?.stop('shutdown', reason) // They leave the list meanwhile.
  }

  /** Resolves when no stream is left. */
  empty(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => (this.whenEmpty = resolve))
  }

  /** @internal */
  delete({ place }: Delivery<Request, Note>): void {
    const { running } = this
    const last = running.pop()!
    if (place < running.length) {
      last.place = place
      running[place] = last
    }
    if (this.size === 0) this.whenEmpty?.()
  }

  /** Hands a stream over to others like it. @internal */
  letGo(delivery: Delivery<Request, Note>, terms: JoinTerms): void {
    const { method, path } = delivery.request
    const key = `${method} ${path}`
    let audience = this.audiences.get(key)
    if (audience?.reads(terms) !== true) audience = new StreamAudience(this, method, path, terms)
    if (!delivery.leaveTo(audience)) return
    this.audiences.set(key, audience)
    audience.size++
    this.inAudiences++
    this.delete(delivery)
  }

  /** @internal */
  left(audience: StreamAudience<Request, Note>, end: StreamEnd): void {
    const key = `${audience.method} ${audience.path}`
    if (--audience.size === 0 && this.audiences.get(key) === audience) this.audiences.delete(key)
    this.inAudiences--
    if (this.size === 0) this.whenEmpty?.()
    this.events.sent(audience, end)
  }
}

/** Streams of one path that read a topic alike, and that the transport sends by itself: this is all that is kept for them. */
class StreamAudience<Request extends StreamRequest & Named, Note> implements Audience, Named {
  size = 0

  constructor(
    private readonly deliveries: Deliveries<Request, Note>,
    readonly method: string,
    readonly path: string,
    readonly terms: JoinTerms,
  ) {}

  /** Whether streams of these terms can be among them: in all that is asked of the terms when one ends. */
  reads({ subscribe, stream, farewell }: JoinTerms): boolean {
    const { missed, maxFrames, maxBytes } = this.terms.subscribe
    if (subscribe.missed !== missed || subscribe.maxFrames !== maxFrames || subscribe.maxBytes !== maxBytes)
      return false
    return farewell === this.terms.farewell && stream.deadlines.stallMs === this.terms.stream.deadlines.stallMs
  }

  ended(end: StreamEnd): void {
    this.deliveries.left(this, end)
  }
}

/** One stream on its way: the transport's exchange, with the request as the handler sees it. */
class Delivery<Request extends StreamRequest & Named, Note> implements Exchange {
  handle: StreamHandle | undefined

  constructor(
    private readonly deliveries: Deliveries<Request, Note>,
    /** Among those that run. */
    public place: number,
    private asked: Request | Named,
    private carrier: ServerExchange | RestingExchange,
    private readonly note: Note,
  ) {}

  /** Until the stream rests for the first time: nobody asks for it then. */
  get request(): Request {
    return this.asked as Request
  }

  respond(head: ResponseHead): StreamSink {
    return (this.carrier as ServerExchange).respond(head)
  }

  /** Nothing else can be answered any more: of the request only its name is kept, and of the exchange what it needs itself. */
  rests(): void {
    const { carrier, asked } = this
    if (carrier.rest === undefined) return
    this.carrier = carrier.rest()
    this.asked = nameOf(asked)
  }

  abortSignal(reason: unknown): void {
    this.carrier.abortSignal(reason)
  }

  letGo(terms: JoinTerms): void {
    this.deliveries.letGo(this, terms)
  }

  leaveTo(audience: Audience): boolean {
    return this.carrier.leaveTo?.(audience) === true
  }

  ended(end: StreamEnd): void {
    const { carrier, asked, request, deliveries } = this
    deliveries.delete(this)
    if (!end.committed && !carrier.lost) {
      return deliveries.events.failedEarly(carrier as ServerExchange, request, end.error, this.note)
    }
    carrier.ended(end)
    deliveries.events.sent(asked, end)
  }
}

let lastName: Named = { method: '', path: '' }

/** Streams of one path share it. The path is a copy, as a slice would keep all of the head that it was cut from. */
function nameOf({ method, path }: Named): Named {
  if (lastName.method !== method || lastName.path !== path) lastName = { method, path: Buffer.from(path).toString() }
  return lastName
}
