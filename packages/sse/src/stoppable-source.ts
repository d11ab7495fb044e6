import type { StreamRequest } from '@catzilla/streaming'
import {
  JOIN,
  toItemIterator,
  type ItemIterator,
  type JoinableSource,
  type StoppableStream,
} from '@catzilla/streaming/format'

/**
 * A source whose stream ends well when a signal fires. Items pass through as they are, without a promise of their own.
 *
 * @internal
 */
export class StoppableSource implements JoinableSource {
  private stream: StoppableStream | undefined

  constructor(
    private readonly signal: AbortSignal,
    private readonly source: unknown,
    private readonly request: StreamRequest,
  ) {}

  [JOIN](): ItemIterator {
    const items = toItemIterator(this.source, this.request)
    return {
      next: () => items.next(),
      return: () => items.return?.(),
      ...(items.join !== undefined && { join: (...how) => items.join!(...how), encoded: items.encoded === true }),
      attach: (stream) => {
        items.attach?.(stream)
        this.attach(stream)
      },
    }
  }

  /** The stream has ended: the signal, which lives longer, lets go of it. */
  release(): void {
    this.signal.removeEventListener('abort', this.stop)
  }

  private attach(stream: StoppableStream): void {
    this.stream = stream
    if (this.signal.aborted)
      queueMicrotask(this.stop) // Behind what the stream begins with.
    else this.signal.addEventListener('abort', this.stop)
  }

  private readonly stop = (): void => {
    this.stream?.stop('shutdown', this.signal.reason)
  }
}
