import type { StreamRequest } from './sink.ts'
import type { StreamItem } from './source.ts'

/** What a writer needs of the pump that carries it. */
interface PushTarget {
  push(item: StreamItem): Promise<void>
  pushFlush(): Promise<void>
  pushEnd(): void
  pushFailure(error: unknown): void
  readonly closed: boolean
}

/** Another form of a writer, for those who pipe into it. */
export interface WriterFace {
  write(chunk: StreamItem): Promise<void>
  /** All is written. The stream goes on for the others who write to it. */
  close(): void
  /** The stream breaks off. */
  fail(reason: unknown): void
}

/**
 * The file-like side of a stream. Each call returns a promise that settles when the client has caught up: awaiting it keeps
 * memory flat. Without `await` the writes are kept, in order, up to 16 MiB ahead of the client.
 *
 * The stream ends when the callback has returned and all that was piped into the writer has arrived, or with {@link close}.
 */
export class StreamWriter {
  /** Who may still write: the callback, and faces that are not closed. */
  private writing = 1
  private face: WritableStream<StreamItem> | undefined

  constructor(
    private readonly target: PushTarget,
    private readonly request: StreamRequest,
  ) {}

  /**
   * A write of what is neither text nor bytes breaks the stream off, awaited or not.
   *
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

  /** Ends the stream well, at once. Returning from the callback does the same when nothing is piped in any more. */
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

  /**
   * The writer as a `WritableStream`, to pipe into: `await readable.pipeTo(w.writable)`. It takes no more than the client does.
   * Aborting it breaks the stream off with that reason; when the stream ends early, it is errored, so that `pipeTo()` cancels
   * what it reads. While it is locked, the stream goes on until it is closed, also after the callback has returned.
   *
   * `nodeWritable(w)` of `@catzilla/streaming/node` is the same for streams of Node.
   *
   * @see https://streams.spec.whatwg.org/#ws
   */
  get writable(): WritableStream<StreamItem> {
    return (this.face ??= this.makeWritable())
  }

  /**
   * Opens a face: the stream does not end before it is closed. `onBroken` is called, once and never from within, when the stream
   * ends early.
   *
   * @internal
   */
  openFace(onBroken: (reason: unknown) => void): WriterFace {
    const { target, signal } = this
    this.writing++
    let open = true
    const once = (done: () => void) => {
      const was = open
      open = false
      if (was) done()
    }
    // Hosts may fire the signal ahead of the pump: a face that is told of an end must not be able to give it another reason.
    const broken = () => once(() => onBroken(signal.reason))
    if (signal.aborted) queueMicrotask(broken)
    else signal.addEventListener('abort', broken)
    return {
      write: (chunk) => target.push(chunk),
      close: () => once(() => this.hasWritten()),
      fail: (reason) => once(() => target.pushFailure(reason)),
    }
  }

  /** The callback has returned. @internal */
  returned(): void {
    // Nobody pipes into it and nobody holds its writer: it was left open (`preventClose`), and nothing more will come.
    if (this.face?.locked === false) this.face.close().catch(() => {}) // It is closed or errored already.
    this.hasWritten()
  }

  private hasWritten(): void {
    if (--this.writing === 0) this.target.pushEnd()
  }

  private makeWritable(): WritableStream<StreamItem> {
    let face: WriterFace
    return new WritableStream<StreamItem>({
      start: (controller) => void (face = this.openFace((reason) => controller.error(reason))),
      write: (chunk) => face.write(chunk),
      close: () => face.close(),
      abort: (reason) => face.fail(reason),
    })
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
