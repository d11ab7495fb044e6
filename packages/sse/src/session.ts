import type { StreamRequest, StreamWriter } from '@catzilla/streaming'
import type { SseContext } from './context.ts'
import { encodeEvent, type Serialize, type SseItem } from './encode.ts'

/** The sending side of one event stream. */
export class SseSession {
  /** @internal */
  constructor(
    private readonly writer: StreamWriter,
    private readonly context: SseContext,
    private readonly serialize: Serialize,
  ) {}

  /**
   * Sends an event. The promise settles when the client has caught up: awaiting it keeps memory flat.
   *
   * @throws what `encodeEvent()` throws, at once and before anything is written: the stream goes on. Rejects with
   * `CZ_STREAM_CLOSED` after `close()`, with `CZ_STREAM_ABORTED` when the client is gone.
   */
  send(item: SseItem): Promise<void> {
    return this.writer.write(encodeEvent(item, this.serialize))
  }

  /** Sends several events in one piece: all of them, or none where one has no form on the wire. */
  batch(items: Iterable<SseItem>): Promise<void> {
    let text = ''
    for (const item of items) text += encodeEvent(item, this.serialize)
    return this.writer.write(text)
  }

  /** Ends the stream well, at once. */
  close(): void {
    this.writer.close()
  }

  get closed(): boolean {
    return this.writer.closed
  }

  /** The `id` of the last event that this client saw before it reconnected; `null` on a first connection. */
  get lastEventId(): string | null {
    return this.context.lastEventId
  }

  /** Fires when the client has gone, or the stream is stopped. */
  get signal(): AbortSignal {
    return this.context.signal
  }

  get request(): StreamRequest {
    return this.context.request
  }
}
