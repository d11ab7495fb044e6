import type { AllocatorStats } from '@catzilla/core-native'
import type { Exchange, FieldList, JoinTerms, StreamEnd, StreamRequest } from '@catzilla/streaming'
import type { ServerLimits } from '../options.ts'

/**
 * What owns the sockets: the native engine or `node:http`. Above this seam nothing knows which of them runs, and below it
 * nothing knows of routes or handlers; one suite (`test/suite`) proves that they behave alike.
 */
export interface Transport {
  readonly name: TransportName
  /**
   * Starts to accept connections, and calls `onExchange` for each request whose head is complete and well-formed: one at a
   * time per connection, the next only when the answer before it is through.
   */
  listen(where: ListenOptions, onExchange: (exchange: ServerExchange) => void): Promise<TransportAddress>
  /**
   * Accepts nothing more and closes idle connections; those with a running exchange close behind its answer.
   *
   * @returns a promise that resolves when no connection is left. Calling it again gives the same one.
   */
  close(): Promise<void>
  /** Ends the streams that went to an {@link Audience}. */
  stopAudiences?(end: Omit<StreamEnd, 'committed'>): void
  /** Destroys what connections are left. `close()` then resolves. */
  destroy(): void
  stats(): TransportStats
}

export type TransportName = 'native' | 'node'

export type TransportFactory = (limits: ServerLimits) => Transport

export interface ListenOptions {
  /** `0` lets the system choose. */
  readonly port: number
  /** `undefined`: all interfaces, IPv6 and IPv4 where the system has both. */
  readonly host: string | undefined
  /** How the address is shared with the loops of other threads; `undefined`: not at all. */
  readonly sharing?: Sharing | undefined
}

/**
 * How several threads serve one address. With `reuse-port` each has a listener of its own, and the kernel spreads the
 * connections; with `descriptor` they accept from one queue.
 */
export type Sharing = { readonly kind: 'reuse-port' } | { readonly kind: 'descriptor'; readonly descriptor: number }

/** An address that one thread holds for the loops of others. */
export interface Reservation extends TransportAddress {
  readonly transport: TransportName
  readonly sharing: Sharing
  /** Others may have the address again, when nobody listens on it any more. */
  release(): void
}

export interface TransportAddress {
  readonly host: string
  readonly port: number
}

export interface TransportStats {
  /** Connections that are open now. */
  readonly connections: number
  /** Exchanges whose answer is not through yet. */
  readonly activeExchanges: number
  /** Exchanges since the start. */
  readonly requests: number
  /** Bytes handed to the kernel since the start. */
  readonly bytesWritten: number
  /** What only the native engine knows; `undefined` on another transport. */
  readonly engine: EngineFigures | undefined
  /** Of jemalloc, where it was preloaded and the native engine runs: it is that which asks. */
  readonly allocator: AllocatorStats | undefined
}

/** Figures of the native engine. */
export interface EngineFigures {
  /** `epoll` or `uv`. */
  readonly backend: string
  /** Times a stream met its high-water mark. */
  readonly stalls: number
  /** Bytes in user space that the kernel has not taken yet, of all connections. */
  readonly bufferedBytes: number
  /** The most that these ever were. */
  readonly bufferedPeak: number
  /** Bytes of the buffers that are lent to blocked connections, or kept for the next. */
  readonly poolBytes: number
  /** Bytes reserved for connections: those that were ever open at the same time. */
  readonly slabBytes: number
  /** Bytes of one idle connection in the slab. */
  readonly slotBytes: number
}

/**
 * One request with its response. It is answered exactly once: whole by `answer()`, or piece by piece by `respond()`.
 *
 * For a plain answer nothing but this object (and the strings of `method` and `url`) needs to exist: everything else is made
 * when it is read. `request` may be the exchange itself.
 */
export interface ServerExchange extends Exchange {
  readonly request: TransportRequest
  /**
   * Frames and sends a whole answer in one go; nothing of it can fail. For HEAD and for 204, 205 and 304 the body is left
   * out. Where the peer is gone, it is dropped.
   *
   * @param fields checked, with lower-case names; no `content-length` and nothing of the connection. A `date` among them
   * stands in for the transport's own. A frozen list does not change and comes again: a transport may keep its encoded form by identity.
   */
  answer(status: number, fields: FieldList, body: string | Uint8Array | undefined): void
  /** The peer is gone: what is answered now is dropped. */
  readonly lost: boolean
  /**
   * Where the sink has joined a topic: the audience hears of the stream's end, and this exchange of nothing more. `false` where
   * somebody may still wait for something of it.
   */
  leaveTo?(audience: Audience): boolean
  /**
   * The stream waits, and its head has left: what is enough of this exchange to go on with. The rest of it stays for those who
   * hold its request.
   */
  rest?(): RestingExchange
  // The inherited `ended(end)` comes once for an exchange that used `respond()`: when its end is committed, or its peer is
  // lost. After an uncommitted end with the peer still there, the exchange is as good as new: `answer()` or `respond()` comes
  // again, and the sink from before is not touched any more.
}

/** Streams of one path that read a topic alike, and that go on in the transport: it keeps this for all of them, and no exchange. */
export interface Audience {
  readonly terms: JoinTerms
  /** One of them has ended. */
  ended(end: StreamEnd): void
}

/** What is left of an exchange whose stream waits. */
export type RestingExchange = Pick<ServerExchange, 'abortSignal' | 'ended' | 'leaveTo' | 'lost' | 'rest'>

/** A request as a transport gives it. `signal` fires when the peer is lost before it is answered, or while a stream runs. */
export interface TransportRequest extends StreamRequest {
  readonly headers: RequestHeaders
  readonly httpVersion: '1.0' | '1.1'
  readonly remoteAddress: string | undefined
  /** `undefined` for a request without a body. */
  readonly body: RequestBody | undefined
}

/** Fields of a request. Names are matched in any case. */
export interface RequestHeaders {
  /** The value; several lines of one name are joined by `, ` (`cookie` by `; `). */
  get(name: string): string | null
  has(name: string): boolean
  /** Field lines in the order in which they came, names in lower case. */
  entries(): Iterable<[name: string, value: string]>
}

/**
 * The body of a request, pulled: while nobody reads, the client is held back. Size limits lie above it, in `body.ts`.
 *
 * What is left unread when the answer is through is drained up to 256 KiB; beyond that the connection closes behind the
 * answer.
 */
export interface RequestBody {
  /** Declared length; `undefined` for a chunked body. */
  readonly length: number | undefined
  /**
   * The next bytes, or `undefined` at the end: at once where they are at hand. One read at a time. The bytes belong to the
   * caller. The first read lets an `Expect: 100-continue` client go on.
   *
   * @throws (or rejects) `CZ_BODY_ABORTED` when the client goes, `CZ_BODY_MALFORMED` (400) for broken chunked coding,
   * `CZ_BODY_TIMEOUT` (408) when the client sends nothing for too long.
   */
  read(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Nobody will read the rest. */
  cancel(): void
}
