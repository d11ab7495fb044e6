import type { StreamingResponse } from '@catzilla/streaming'
import { replaceFields } from '@catzilla/streaming/format'
import type { SseContext } from '../context.ts'
import type { SseItem } from '../encode.ts'
import type { SseOptions } from '../options.ts'
import { sse } from '../response.ts'
import type { Wire } from './wire.ts'

export type PartSource<Part> = Iterable<Part> | AsyncIterable<Part>

/**
 * One answer in a wire format, for one client: `createRun()` is for answers that outlive their client.
 *
 * A source that fails ends the answer in the words of the format, as its clients look for them there.
 *
 * @example
 * ```ts
 * app.post('/v1/chat/completions', () => sseWire(() => tokens(), chatWire({ model: 'my-model' })))
 * ```
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 */
export function sseWire<Part>(
  source: (context: SseContext) => PartSource<Part>,
  wire: Wire<Part>,
  options: Omit<SseOptions, 'accept'> = {},
): StreamingResponse<SseItem> {
  const headers = replaceFields(wire.headers ?? {}, options.headers)
  const start = (context: SseContext) => write(source(context), wire, context.signal)
  return sse(start, { retryMs: null, ...options, headers }) // Its clients do not reconnect: they ask again.
}

async function* write<Part>(parts: PartSource<Part>, wire: Wire<Part>, signal: AbortSignal): AsyncGenerator<SseItem> {
  const writer = wire.open(crypto.randomUUID())
  yield* writer.start()
  try {
    for await (const part of parts) yield* writer.part(part)
  } catch (error) {
    if (!signal.aborted) yield* writer.end({ outcome: 'failed', error })
    throw error // Seen by `after()` and the log of the host.
  }
  yield* writer.end({ outcome: 'completed', error: undefined })
}
