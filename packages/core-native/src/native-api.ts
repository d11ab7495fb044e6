/** The shape of the addon, written once: `native/bindings/` is its other side. */

/**
 * What one peer may cost the engine. Unset ones take the defaults of `native/conn/limits.h`. A time of a day and more, and
 * `Infinity`, is no limit.
 */
export interface EngineLimits {
  /** Bytes of a request target; longer ones are answered 414. @defaultValue 8192 */
  readonly maxTargetBytes?: number
  /** Bytes of a request head, at most 262144; longer ones are answered 431. @defaultValue 16384 */
  readonly maxHeadBytes?: number
  /** Field lines of a request head; more are answered 431. @defaultValue 100 */
  readonly maxFields?: number
  /** Milliseconds for a whole head: 408. @defaultValue 10000 */
  readonly headTimeoutMs?: number
  /** Milliseconds that a connection may idle between two requests. @defaultValue 65000 */
  readonly keepAliveTimeoutMs?: number
  /** Milliseconds without progress while the body is being waited for. @defaultValue 10000 */
  readonly bodyTimeoutMs?: number
  /** Milliseconds that a peer may take nothing of a whole answer. @defaultValue 60000 */
  readonly writeTimeoutMs?: number
  /** Milliseconds to wait for the peer's FIN behind ours. @defaultValue 2000 */
  readonly lingerTimeoutMs?: number
  /** Further connections are closed as they come. @defaultValue no limit */
  readonly maxConnections?: number
  /**
   * Bytes in user space, of all connections: beyond it a stream is told to wait at the first byte that the kernel does not
   * take. @defaultValue 268435456
   */
  readonly maxBufferedBytes?: number
}

export interface EngineStats {
  /** Open now. */
  readonly connections: number
  /** Requests that are not answered to the end yet. */
  readonly exchanges: number
  readonly connectionsTotal: number
  readonly requestsTotal: number
  /** Bytes handed to the kernel or queued for it, heads and framing included. */
  readonly bytesWritten: number
  /** Times a stream met its high-water mark. */
  readonly stalls: number
  /** Bytes in user space that the kernel has not taken yet. */
  readonly bufferedBytes: number
  readonly bufferedPeak: number
  /** Bytes of the buffers that are lent to blocked connections, or kept for the next. */
  readonly poolBytes: number
  /** Slots for connections that were ever in use at the same time, and the bytes of one. */
  readonly slotsReserved: number
  readonly slotBytes: number
  /** Of jemalloc, where it stands in for the system's allocator: bytes of the whole process. */
  readonly allocator?: AllocatorStats
}

/** @see the `stats.*` of jemalloc's manual */
export interface AllocatorStats {
  readonly name: string
  /** Asked for by the application. */
  readonly allocated: number
  /** In pages that hold some of those. */
  readonly active: number
  /** Physically mapped, the allocator's own books included. */
  readonly resident: number
  /** Given back to the system; only the addresses are kept. */
  readonly retained: number
}

export type Payload = string | Uint8Array | undefined

/** How a call on an exchange went. */
export const WriteStatus = {
  ok: 0,
  /** At the high-water mark, or with bytes on their way behind an end: `drained` follows. */
  blocked: 1,
  /** The exchange is over or its peer lost; nothing was taken. */
  gone: 2,
} as const
export type WriteStatus = (typeof WriteStatus)[keyof typeof WriteStatus]

/** What `readBody` gives where it gives no bytes; a string names what is wrong with the chunked coding. */
export const BodyState = { end: 0, wait: 1, gone: 2, cut: 3, late: 4 } as const
export type BodyState = (typeof BodyState)[keyof typeof BodyState]

/** Numbers of `EventKind` in `native/conn/events.h`. */
export const EventKind = {
  request: 1,
  bodyReadable: 2,
  drained: 3,
  halfClosed: 4,
  lost: 5,
  allClosed: 6,
  failed: 7,
  released: 8,
  missed: 9,
} as const

/** Why an exchange that had joined a topic is the application's again; numbers of `Release` in `native/broadcast/broadcast.h`. */
export const Release = {
  /** The topic is closed, and everything was sent. */
  through: 1,
  /** It was too far behind, and its policy is `evict`. */
  evicted: 2,
  /** The peer took too long for what waited for it. */
  late: 3,
  /** Memory is out. */
  failed: 4,
} as const
export type Release = (typeof Release)[keyof typeof Release]

/** Numbers of `Policy` in `native/broadcast/subscription.h`. */
export const TopicPolicy = { 'drop-oldest': 0, 'drop-newest': 1, coalesce: 2, evict: 3 } as const

/**
 * How an exchange reads a topic: policy, whether `missed` is to be asked for (1) or not (0), bounds in frames and bytes,
 * milliseconds until a heartbeat, milliseconds that a peer may take for what waits for it, bytes per second that it must take.
 * 0 is none of the last three, and `Infinity` no bound.
 */
export type TopicTerms = Float64Array

/** Names a topic of one engine. It ends with the last exchange that has joined it. */
export type TopicName = readonly [slot: number, generation: number]

/** Words of one event. */
export const EVENT_WORDS = 8

/** Names of `Method` in `native/http/request_parser.h`, in its order; further methods are read from the head. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const

/**
 * One engine: calls over numbers. An exchange is named by slot and generation, and a call on one that is over does nothing.
 * Heads are checked field lines in Latin-1, each with its CRLF; `length` is -1 for a chunked body. After `end()` nothing is
 * heard any more, and every exchange is gone.
 */
export interface NativeEngine {
  /** How it waits for its sockets: `epoll` on Linux, else `uv`. */
  readonly backend: string
  readonly sendsFiles: boolean
  readonly events: Uint32Array
  readonly arena: ArrayBuffer
  /** Once. @returns 0, or the system's name of the error (`EADDRINUSE`). */
  listen(address: string, port: number, backlog: number, ipv6Only: boolean, reusePort: boolean): 0 | string
  /** In the place of `listen()`: on a duplicate of a descriptor that is bound already. */
  listenShared(descriptor: number, backlog: number): 0 | string
  address(): { address: string; port: number }
  stopListening(): void
  resetAll(): void
  end(): void
  answer(slot: number, generation: number, status: number, date: boolean, fields: string, body: Payload): WriteStatus
  start(
    slot: number,
    generation: number,
    status: number,
    date: boolean,
    fields: string,
    length: number,
    highWaterMark: number,
    first: Payload,
    end: boolean,
  ): WriteStatus
  write(slot: number, generation: number, payload: string | Uint8Array): WriteStatus
  /** Behind a declared length, where {@link sendsFiles}; nothing is written until `drained`, unless it says `ok`. */
  sendFile(slot: number, generation: number, fd: number, start: number, length: number): WriteStatus
  finish(slot: number, generation: number, last: Payload): WriteStatus
  abort(slot: number, generation: number): void
  readBody(slot: number, generation: number): Uint8Array | BodyState | string
  /** The peer's address, or `undefined` when the exchange is over. */
  peer(slot: number, generation: number): string | undefined
  stats(): EngineStats
  /** @param newest the sequence that was published last: who joins gets what comes behind it. Must be joined at once. */
  openTopic(newest: number): TopicName
  /**
   * Hands an open, unsized answer to a topic, which writes it from there on. `released` or `lost` follows.
   *
   * @param heartbeat what is sent after so many milliseconds of silence, and as a probe behind a FIN.
   */
  join(
    topicSlot: number,
    topicGeneration: number,
    slot: number,
    generation: number,
    terms: TopicTerms,
    heartbeat: string | undefined,
  ): boolean
  /**
   * @param superseded the sequence that the frame brings up to date; 0 for none.
   * @param leftOut exchanges that do not get it, by slot and generation in turns.
   * @returns whether anybody listens (still); where policies did something, with their counts.
   */
  publish(
    topicSlot: number,
    topicGeneration: number,
    superseded: number,
    frame: string | Uint8Array,
    leftOut: Uint32Array | undefined,
  ): boolean | readonly [dropped: number, coalesced: number, evicted: number, listens: 0 | 1]
  closeTopic(topicSlot: number, topicGeneration: number): void
  /** @returns the exchanges that are free again, by slot and generation in turns; no event follows for them. */
  abortTopic(topicSlot: number, topicGeneration: number): number[]
  /** Answers `missed`, in any case. */
  tellMissed(slot: number, generation: number, notice: Payload): void
  topicStats(topicSlot: number, topicGeneration: number): readonly [subscribers: number, frames: number, bytes: number]
  hasJoined(slot: number, generation: number): boolean
  /** All exchanges that have joined a topic, by slot and generation in turns. */
  joined(): number[]
}

export interface ReservedPort {
  readonly descriptor: number
  readonly address: string
  readonly port: number
}

/** `Outcome` of `native/ring/spsc_ring.h`. */
export const RingOutcome = { ok: 0, wait: 1, tooLarge: 2, closed: 3, wrongKind: 4, corrupt: 5 } as const

/** `Status` of `native/ring/spsc_ring.h`, in its order. */
export const RING_STATUS = ['open', 'ended', 'failed', 'corrupt'] as const

/**
 * One end of a ring, in C++. Numbers below 0 are a negative {@link RingOutcome}. It wakes nobody: what gives a boolean says
 * whether the other end was asleep.
 */
export interface NativeRing {
  stage(bytes: Uint8Array): number
  stageRecord(record: Uint8Array): number
  publish(): boolean
  end(): boolean
  fail(reason: string): boolean
  cancelled(): boolean
  /** 1: go to sleep until `bytes` are free; 2: the consumer was asleep. */
  armProducer(bytes: number): number
  read(): Uint8Array<ArrayBuffer> | number
  readRecord(): Uint8Array<ArrayBuffer> | number
  release(): boolean
  status(): number
  failure(): string
  cancel(): boolean
  /** Go to sleep until there is something to read. */
  armConsumer(): boolean
}

export interface NativeBinding {
  readonly NativeRing: new (memory: Uint8Array) => NativeRing
  /** Those of this system, the best first. */
  readonly backends: readonly string[]
  /** @returns `undefined` where the system refuses the backend. Without one, the first that it does not refuse is taken. */
  createEngine(
    limits: EngineLimits,
    dispatch: (count: number, arenaBytes: number) => void,
    backend: string | undefined,
  ): NativeEngine | undefined
  /** Whether the kernel spreads connections over sockets that are bound to the same port. */
  readonly spreadsConnections: boolean
  /** Whether several loops can accept on duplicates of one descriptor. */
  readonly sharesListeners: boolean
  /** @returns what is held now, or the system's name of the error. */
  reservePort(address: string, port: number, backlog: number, reusePort: boolean): ReservedPort | string
  /** Does nothing for a descriptor that is none of `reservePort()`, in this thread. */
  releasePort(descriptor: number): void
}
