import type { StreamRequest } from './sink.ts'
import type { StreamItem } from './source.ts'

/** What a writer needs of the pump that carries it. */
interface PushTarget {
  push(item: StreamItem): Promise<void>
  pushFlush(): Promise<void>
  pushEnd(): void
  readonly closed: boolean
}

/**
 * The file-like side of a stream. Each call returns a promise that settles when the client has caught up: awaiting it keeps
 * memory flat. Without `await` the writes are kept, in order, up to 16 MiB ahead of the client.
 */
export class StreamWriter {
  constructor(
    private readonly target: PushTarget,
    private readonly request: StreamRequest,
  ) {}

  /**
   * @throws (rejects) `CZ_STREAM_CLOSED` after `close()`, `CZ_STREAM_ABORTED` when the client is gone, `CZ_STREAM_ITEM` for
   * what is neither text nor bytes, `CZ_WRITER_AHEAD` when too much was written without `await`.
   */
  write(chunk: StreamItem): Promise<void> {
    return this.target.push(chunk)
  }

  /** Writes `text` and a line feed. */
  writeln(text = ''): Promise<void> {
    return this.target.push(`${text}\n`)
  }

  /** Sends what is pending now, instead of at the end of this turn. */
  flush(): Promise<void> {
    return this.target.pushFlush()
  }

  /** Ends the stream well. Returning from the callback does the same. */
  close(): void {
    this.target.pushEnd()
  }

  /** Whether the stream has ended, by `close()` or because the client is gone. */
  get closed(): boolean {
    return this.target.closed
  }

  /** Fires when the stream ends before it was closed. */
  get signal(): AbortSignal {
    return this.request.signal
  }
}

const BRAND = Symbol.for('catzilla.writer-source')

/** A source that pushes: the pump runs `produce` and takes what it writes. */
export interface WriterSource {
  readonly produce: (writer: StreamWriter, request: StreamRequest) => unknown
}

/** @internal */
export function writerSource(produce: WriterSource['produce']): WriterSource {
  return Object.defineProperty({ produce }, BRAND, { value: true })
}

/** @internal */
export function isWriterSource(source: unknown): source is WriterSource {
  return typeof source === 'object' && source !== null && BRAND in source
}
