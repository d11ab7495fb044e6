import type { FileRange } from './file.ts'
import type { ResponseHead } from './head.ts'
import type { StreamEnd } from './outcome.ts'
import type { TakeOver } from './take-over.ts'
import type { JoinedStream, JoinTerms, MirroredTopic } from './topic/join.ts'

/**
 * Where the one pump writes, a frame at a time and never an item at a time. Every host (the native engine, node:http,
 * Express, a web `Response` …) is one implementation of this seam.
 */
export interface StreamSink {
  /**
   * Takes a frame, never an empty one. Text goes out as UTF-8; bytes must stay untouched until the stream ends.
   *
   * @returns `false` at the high-water mark: wait for {@link drained} before the next frame. A lost sink drops the frame
   * and says `false`.
   */
  write(frame: string | Uint8Array): boolean
  /**
   * Resolves when the peer has caught up, rejects when it is lost, or when what was written cannot be sent any more (a buffer
   * was transferred away); it never stays pending.
   */
  drained(): Promise<void>
  /** The source went quiet: sends the head if it still waits, and lets go of what corking or compression holds. */
  flush(): void
  /**
   * Clean finish, told apart from truncation. The last frame is passed here where it is known to be the last, so that
   * head, frame and end can leave in one system call. Later writes throw `CZ_STREAM_CLOSED`.
   *
   * @returns `undefined` where everything was handed over at once; otherwise a promise that resolves when it is, and rejects as
   * that of {@link drained} does.
   */
  end(last?: string | Uint8Array): Promise<void> | undefined
  /**
   * Sends bytes of a file without a detour through this process; only behind a declared length. Nothing is written meanwhile.
   * Resolves when the peer has room for more, rejects when it is lost or the file cannot be read to the end of the range.
   */
  readonly sendFile?: ((file: FileRange) => Promise<void>) | undefined
  /**
   * Sends what is published in `topic` from here on, in the pump's place, until its end or that of `stream`. Nothing is written
   * meanwhile.
   *
   * @returns whether it does: not before the head has left, nor while something else is under way.
   */
  join?(topic: MirroredTopic, terms: JoinTerms, stream: JoinedStream): boolean
  /** Of a sink with one of these two: how the pump hands over to it. @internal */
  readonly takeOver?: TakeOver | undefined
  /** Of bytes in shared memory nothing is kept when `write()` returns: what must wait is copied. */
  readonly copiesShared?: boolean | undefined
  /** Unclean finish: the body is broken off without a terminating chunk, so that nobody takes it for a whole one. */
  abort(reason: unknown): void
  /** The peer is gone. */
  readonly lost: boolean
  /** Tells `listener` once when the peer goes (at once if it has gone). No `AbortController` is made for this. */
  onLost(listener: LossListener): void
}

/** Who is told of the loss of a peer: an object, as a function for each would cost memory that an open stream does not need. */
export interface LossListener {
  peerLost(): void
}

/** What a response may look at in its request, whatever the host. */
export interface StreamRequest {
  readonly method: string
  /** Path and query as the client sent them. */
  readonly url: string
  readonly headers: { get(name: string): string | null }
  /** Fires on every end but completion. Made when it is first read. */
  readonly signal: AbortSignal
}

/** One request with its response, as a host hands it to {@link sendStream}. */
export interface Exchange {
  readonly request: StreamRequest
  /**
   * Opens the body. Nothing leaves before the first `write()`, `flush()` or `end()`, so until then the host can still
   * answer something else.
   */
  respond(head: ResponseHead): StreamSink
  /** Fires `request.signal`, if anybody has read it: the stream ended early. */
  abortSignal(reason: unknown): void
  /** The stream waits, and its head has left: `request` is not asked for any more. Called each time it begins to. */
  rests?(): void
  /**
   * The stream goes on in the sink (see {@link StreamSink.join}), and nobody but the host has to hear of its end: an exchange
   * that has this may let go of both. Then `ended()` is not called.
   */
  letGo?(terms: JoinTerms): void
  /**
   * The stream has ended, its source is released, and nothing more will be written. An end that is not `committed` leaves
   * it to the host to answer something else.
   */
  ended(end: StreamEnd): void
}
