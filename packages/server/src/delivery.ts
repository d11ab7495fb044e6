import {
  sendStream,
  type Exchange,
  type ResponseHead,
  type StreamEnd,
  type StreamHandle,
  type StreamingResponse,
  type StreamRequest,
  type StreamSink,
} from '@catzilla/streaming'
import { serverError } from './errors.ts'
import type { ServerExchange } from './transport/transport.ts'

/** What becomes of a stream is the app's to decide. */
interface DeliveryEvents<Request, Note> {
  /** It failed before anything was sent: something else can still be answered. */
  failedEarly(carrier: ServerExchange, request: Request, error: unknown, note: Note): void
  /** It was sent to its end, or broken off before. */
  sent(request: Request, end: StreamEnd): void
}

/**
 * The streams that run, so that shutting down can wait for them and then stop them. Whoever is told of an early failure gets
 * the `note` back that it gave.
 */
export class Deliveries<Request extends StreamRequest, Note> {
  /** In any order: each knows its place, so that it leaves at once. A set costs more for each that comes and goes. */
  private readonly running: Delivery<Request, Note>[] = []
  private whenEmpty: (() => void) | undefined

  constructor(
    /** @internal */
    readonly events: DeliveryEvents<Request, Note>,
  ) {}

  get size(): number {
    return this.running.length
  }

  start(response: StreamingResponse<never>, request: Request, carrier: ServerExchange, note: Note): void {
    const delivery = new Delivery(this, this.running.length, request, carrier, note)
    this.running.push(delivery)
    delivery.handle = sendStream(response, delivery)
  }

  stopAll(): void {
    const reason = serverError('CZ_SERVER_SHUTDOWN', 'The server is shutting down')
    for (const { handle } of this.running.slice()) handle?.stop('shutdown', reason) // They leave the list meanwhile.
  }

  /** Resolves when no stream is left. */
  empty(): Promise<void> {
    if (this.running.length === 0) return Promise.resolve()
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
    if (running.length === 0) this.whenEmpty?.()
  }
}

/** One stream on its way: the transport's exchange, with the request as the handler sees it. */
class Delivery<Request extends StreamRequest, Note> implements Exchange {
  handle: StreamHandle | undefined

  constructor(
    private readonly deliveries: Deliveries<Request, Note>,
    /** Among those that run. */
    public place: number,
    readonly request: Request,
    private readonly carrier: ServerExchange,
    private readonly note: Note,
  ) {}

  respond(head: ResponseHead): StreamSink {
    return this.carrier.respond(head)
  }

  abortSignal(reason: unknown): void {
    this.carrier.abortSignal(reason)
  }

  ended(end: StreamEnd): void {
    const { carrier, request, deliveries } = this
    deliveries.delete(this)
    if (!end.committed && !carrier.lost) return deliveries.events.failedEarly(carrier, request, end.error, this.note)
    carrier.ended(end)
    deliveries.events.sent(request, end)
  }
}
