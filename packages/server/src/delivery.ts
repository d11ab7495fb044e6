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
interface DeliveryEvents {
  /** It failed before anything was sent: something else can still be answered. */
  failedEarly(error: unknown): void
  /** It was sent to its end, or broken off before. */
  sent(end: StreamEnd): void
}

/** The streams that run, so that shutting down can wait for them and then stop them. */
export class Deliveries {
  private readonly running = new Set<Delivery>()
  private whenEmpty: (() => void) | undefined

  get size(): number {
    return this.running.size
  }

  start(
    response: StreamingResponse<never>,
    request: StreamRequest,
    carrier: ServerExchange,
    events: DeliveryEvents,
  ): void {
    const delivery = new Delivery(this, request, carrier, events)
    this.running.add(delivery)
    delivery.handle = sendStream(response, delivery)
  }

  stopAll(): void {
    const reason = serverError('CZ_SERVER_SHUTDOWN', 'The server is shutting down')
    for (const { handle } of this.running) handle?.stop('shutdown', reason)
  }

  /** Resolves when no stream is left. */
  empty(): Promise<void> {
    if (this.running.size === 0) return Promise.resolve()
    return new Promise((resolve) => (this.whenEmpty = resolve))
  }

  /** @internal */
  delete(delivery: Delivery): void {
    this.running.delete(delivery)
    if (this.running.size === 0) this.whenEmpty?.()
  }
}

/** One stream on its way: the transport's exchange, with the request as the handler sees it. */
class Delivery implements Exchange {
  handle: StreamHandle | undefined

  constructor(
    private readonly deliveries: Deliveries,
    readonly request: StreamRequest,
    private readonly carrier: ServerExchange,
    private readonly events: DeliveryEvents,
  ) {}

  respond(head: ResponseHead): StreamSink {
    return this.carrier.respond(head)
  }

  abortSignal(reason: unknown): void {
    this.carrier.abortSignal(reason)
  }

  ended(end: StreamEnd): void {
    this.deliveries.delete(this)
    const { carrier, events } = this
    if (!end.committed && !carrier.lost) return events.failedEarly(end.error)
    carrier.ended(end)
    events.sent(end)
  }
}
