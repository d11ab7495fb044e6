import type { StreamingResponse, StreamRequest, StreamSource, TopicFrames } from '@catzilla/streaming'
import { writerSource } from '@catzilla/streaming/format'
import { SseContext } from './context.ts'
import { encodeEvent, type SseEvent, type SseItem } from './encode.ts'
import { EventStream, type Begun } from './event-stream.ts'
import { resolveOptions, type ResolvedSseOptions, type SseOptions } from './options.ts'
import { SseSession } from './session.ts'
import { StoppableSource } from './stoppable-source.ts'

/**
 * Anything that gives events one after another, or a function that makes such a source when the stream starts. `null` says that
 * there is nothing more for this client: it gets a 204, after which it does not reconnect. What a `Topic` with an `encode` gives
 * are whole frames (see {@link encodeEvent}), made once for all who listen: they are sent as they are.
 */
export type SseSource = Events | null | ((context: SseContext) => Events | null)
type Events = Exclude<StreamSource<SseItem>, (...args: never[]) => unknown> | TopicFrames

/**
 * An event stream (`text/event-stream`), for `EventSource` in a browser and every other client of the format.
 *
 * The head leaves at once. A string is an event's data; an object has the fields of {@link SseEvent}. A function gets the
 * client's `lastEventId` to go on from, and a `signal` that fires when it leaves; what it throws at once is answered with an error
 * status, and `null` with 204.
 *
 * @example
 * ```ts
 * app.get('/events', () => sse(({ lastEventId, signal }) => ticker(lastEventId, signal), { heartbeatMs: 15_000 }))
 * ```
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE` for bad options. An item that has no form on the wire breaks the stream with the
 * error of {@link encodeEvent}.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function sse(source: SseSource, options?: SseOptions): StreamingResponse<SseItem> {
  return new SseResponse(source, resolveOptions(options))
}

/**
 * An event stream that is pushed: `produce` sends events as they come, and the stream ends when it returns.
 *
 * An event without a form on the wire is an error at its `send()`, before anything of it is written; the stream goes on.
 *
 * @example
 * ```ts
 * app.get('/progress', () =>
 *   sseSession(async (session) => {
 *     for await (const step of work(session.signal)) await session.send({ event: 'step', data: step })
 *   }),
 * )
 * ```
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 */
export function sseSession(
  produce: (session: SseSession) => unknown,
  options?: Omit<SseOptions, 'accept' | 'until'>,
): StreamingResponse<SseItem> {
  return new SessionResponse(produce, resolveOptions(options))
}

class SseResponse extends EventStream<SseItem> {
  constructor(
    private readonly events: SseSource,
    settings: ResolvedSseOptions,
  ) {
    super(settings)
  }

  protected begin(request: StreamRequest): Begun {
    const { encoder, until } = this.settings
    const source = this.eventsFor(request)
    if (until === undefined || source === null) return { source, encoder }
    const stoppable = new StoppableSource(until, source, request)
    return { source: stoppable, encoder, after: () => stoppable.release() }
  }

  /** The data of all events as one array, which grows with them. */
  protected json(request: StreamRequest): Begun {
    let separator = '['
    const encode = (item: SseItem) => {
      const data = typeof item === 'string' ? item : dataOf(item)
      if (data === undefined) return ''
      const text = separator + JSON.stringify(data)
      separator = ',\n'
      return text
    }
    return { source: this.eventsFor(request), encoder: { encode, tail: () => (separator === '[' ? '[]\n' : ']\n') } }
  }

  private eventsFor(request: StreamRequest): unknown {
    const { events } = this
    if (typeof events !== 'function') return events
    return events(new SseContext(request, this.settings.lastEventIdParam))
  }
}

function dataOf(item: SseEvent): unknown {
  encodeEvent(item) // What is no event is none in this form, either.
  return item.data
}

class SessionResponse extends EventStream<SseItem> {
  constructor(
    private readonly produce: (session: SseSession) => unknown,
    settings: ResolvedSseOptions,
  ) {
    super(settings)
  }

  protected begin(request: StreamRequest): Begun {
    const { encoder, serialize, lastEventIdParam } = this.settings
    const context = new SseContext(request, lastEventIdParam)
    return { source: writerSource((writer) => this.produce(new SseSession(writer, context, serialize))), encoder }
  }

  protected json(request: StreamRequest): Begun {
    return this.begin(request)
  }
}
