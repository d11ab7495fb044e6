import { StreamingResponse, type StreamRequest, type StreamSource } from '@catzilla/streaming'
import { SseContext } from './context.ts'
import type { SseItem } from './encode.ts'
import { resolveOptions, type SseOptions } from './options.ts'

/** Anything that gives events one after another, or a function that makes such a source when the stream starts. */
export type SseSource = Events | ((context: SseContext) => Events)
type Events = Exclude<StreamSource<SseItem>, (...args: never[]) => unknown>

/**
 * An event stream (`text/event-stream`), for `EventSource` in a browser and every other client of the format.
 *
 * The head leaves at once. A string is an event's data; an object has the fields of {@link SseEvent}. A function gets the
 * client's `lastEventId` to go on from, and a `signal` that fires when it leaves.
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
  const opened = typeof source === 'function' ? (request: StreamRequest) => source(new SseContext(request)) : source
  return new StreamingResponse<SseItem>(opened, resolveOptions(options))
}
