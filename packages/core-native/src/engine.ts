import { loadBinding } from './binding.ts'
import { nativeError } from './errors.ts'
import { EVENT_WORDS, EventKind, METHODS, type EngineLimits, type NativeEngine, type Release } from './native-api.ts'

/** The head of a request, as it came. */
export interface RequestHead {
  readonly method: string
  /** Request target: path and query, or one of the other forms of RFC 9112 §3.2. */
  readonly target: string
  readonly minorVersion: number
  /** All field lines in Latin-1, each with its CRLF, checked by the parser. */
  readonly fields: string
}

/** Who hears of the engine's exchanges; each is named by slot and generation. One call per event. */
export interface EngineHandler {
  request(slot: number, generation: number, head: RequestHead): void
  /** `readBody()` has something to give after it said `wait`. */
  bodyReadable(slot: number, generation: number): void
  /** A blocked exchange has room again, or all of its bytes are with the kernel behind its end. */
  drained(slot: number, generation: number): void
  /** The peer has finished sending, and may still be reading. */
  halfClosed(slot: number, generation: number): void
  /** What was written cannot be sent: a buffer was transferred away, or a file ended early. The exchange is over. */
  failed(slot: number, generation: number): void
  /** The peer is gone; the exchange is over. */
  lost(slot: number, generation: number): void
  /** An exchange that had joined a topic is the application's again. */
  released(slot: number, generation: number, why: Release): void
  /** An exchange lost `count` frames of its topic, and waits for `tellMissed()`. */
  missed(slot: number, generation: number, count: number): void
  /** The last connection is gone, after `stopListening()`. */
  allClosed(): void
}

/**
 * Heads of one wake become one string, up to so many bytes: making a string costs more than copying a head. What somebody
 * keeps of a head is a slice, and keeps all of that string.
 */
const JOINED_HEADS = 2048

/** `latin1Slice` is what `toString('latin1')` calls after looking the encoding up; it is in no type declaration. */
type Latin1Buffer = Buffer & { latin1Slice(start: number, end: number): string }

/**
 * An HTTP/1.1 engine on the loop of this thread. It calls its handler once a wake with all that happened, and it frames,
 * sends and queues what it is given.
 *
 * `CATZILLA_BACKEND` chooses how it waits for its sockets (`epoll` or `uv`); without it, the best of this system is taken.
 *
 * @throws `CZ_NATIVE_LOAD` where there is no addon for this platform, `CZ_NATIVE_BACKEND` where the chosen backend is none of
 * this system, or refused by it.
 */
export function createEngine(limits: EngineLimits, handler: EngineHandler): NativeEngine {
  // The arena of this dispatch, and what of it is a string by now.
  let arenaEnd = 0
  let heads = ''
  let headsStart = 0
  let headsEnd = 0

  /** A handler that throws must not cost the other connections of this wake their events. */
  function dispatch(count: number, arenaBytes: number): void {
    arenaEnd = arenaBytes
    headsEnd = 0
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      try {
        deliver(at)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  function deliver(at: number): void {
    const kind = events[at]! & 0xff
    const slot = events[at + 1]!
    const generation = events[at + 2]!
    switch (kind) {
      case EventKind.request:
        return handler.request(slot, generation, headAt(at))
      case EventKind.bodyReadable:
        return handler.bodyReadable(slot, generation)
      case EventKind.drained:
        return handler.drained(slot, generation)
      case EventKind.halfClosed:
        return handler.halfClosed(slot, generation)
      case EventKind.failed:
        return handler.failed(slot, generation)
      case EventKind.lost:
        return handler.lost(slot, generation)
      case EventKind.released:
        return handler.released(slot, generation, events[at + 3] as Release)
      case EventKind.missed:
        return handler.missed(slot, generation, events[at + 3]!)
      case EventKind.allClosed:
        return handler.allClosed()
    }
  }

  function headAt(at: number): RequestHead {
    const start = events[at + 3]!
    const fieldsLength = events[at + 7]!
    const end = start + events[at + 6]! + fieldsLength
    if (end > headsEnd) readHeads(start, end)
    const methodStart = start - headsStart
    const targetStart = methodStart + events[at + 4]! + 1
    const fieldsStart = methodStart + events[at + 6]!
    return {
      method: METHODS[(events[at]! >>> 8) & 0xff] ?? heads.slice(methodStart, targetStart - 1),
      target: heads.slice(targetStart, targetStart + events[at + 5]!),
      minorVersion: events[at]! >>> 16,
      fields: heads.slice(fieldsStart, fieldsStart + fieldsLength),
    }
  }

  /** The head from `start` to `end`, and those behind it. The bytes hold only until this dispatch ends. */
  function readHeads(start: number, end: number): void {
    headsStart = start
    headsEnd = Math.max(end, Math.min(start + JOINED_HEADS, arenaEnd))
    heads = arena.latin1Slice(start, headsEnd)
  }

  const { backends, createEngine: create } = loadBinding()
  const backend = process.env['CATZILLA_BACKEND'] || undefined
  if (backend !== undefined && !backends.includes(backend)) {
    const known = backends.map((name) => `'${name}'`).join(' or ')
    throw nativeError('CZ_NATIVE_BACKEND', `CATZILLA_BACKEND must be ${known} on this system (got '${backend}')`)
  }
  const engine = create(limits, dispatch, backend)
  if (engine === undefined) throw nativeError('CZ_NATIVE_BACKEND', `This system refuses the backend '${backend}'`)
  const { events } = engine
  const arena = Buffer.from(engine.arena) as Latin1Buffer
  return engine
}

/** Connections that the kernel may keep waiting for `accept`. */
const BACKLOG = 4096

/**
 * Binds an engine to an address.
 *
 * @param address an IP literal.
 * @param port 0 lets the system choose.
 * @param reusePort others may be bound beside it, and the kernel spreads the connections: see {@link PortReservation}.
 * @throws the error that `net.Server` gives: `code` is the system's name, such as `EADDRINUSE`.
 */
export function listen(engine: NativeEngine, address: string, port: number, reusePort = false): void {
  const code = engine.listen(address, port, BACKLOG, false, reusePort)
  if (code !== 0) throw listenError(code, address, port)
}

/**
 * Has an engine accept on a descriptor that a {@link PortReservation} of any thread holds. It takes a duplicate.
 *
 * @throws the error that `net.Server` gives.
 */
export function listenShared(engine: NativeEngine, { descriptor, address, port }: PortReservation): void {
  const code = engine.listenShared(descriptor, BACKLOG)
  if (code !== 0) throw listenError(code, address, port)
}

/** How the listeners of several threads get their connections from one address. */
export type PortSharing = 'reuse-port' | 'descriptor'

/**
 * An address that is held for listeners of several threads; nobody accepts on it.
 *
 * With `reuse-port` each of them is bound beside it (`listen()` with `reusePort`), and the kernel spreads the connections by
 * their addresses. With `descriptor` all accept from one queue (`listenShared()`), whoever comes first.
 */
export interface PortReservation {
  readonly sharing: PortSharing
  readonly descriptor: number
  readonly address: string
  readonly port: number
}

/** The ways of sharing an address that this system has, the best first. Windows has none. */
export function portSharings(): readonly PortSharing[] {
  const { spreadsConnections, sharesListeners } = loadBinding()
  return [...(spreadsConnections ? ['reuse-port' as const] : []), ...(sharesListeners ? ['descriptor' as const] : [])]
}

/**
 * Takes an address. Another server is refused it as long as it is held, also while nobody listens.
 *
 * @throws the error that `net.Server` gives.
 */
export function reservePort(address: string, port: number, sharing: PortSharing): PortReservation {
  const reserved = loadBinding().reservePort(address, port, BACKLOG, sharing === 'reuse-port')
  if (typeof reserved === 'string') throw listenError(reserved, address, port)
  return { sharing, ...reserved }
}

export function releasePort({ descriptor }: PortReservation): void {
  loadBinding().releasePort(descriptor)
}

function listenError(code: string, address: string, port: number): Error {
  return Object.assign(new Error(`listen ${code}: ${address}:${port}`), { code, syscall: 'listen', address, port })
}
