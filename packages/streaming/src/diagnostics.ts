import type { StreamEnd } from './outcome.ts'
import type { StreamRequest } from './sink.ts'

/** What subscribers of the `catzilla:stream-*` channels get; the same object from start to end, growing. */
export interface StreamTrace {
  readonly request: StreamRequest
  readonly status: number
  /** Milliseconds on the `performance.now()` clock. */
  readonly startedAt: number
  firstByteAt: number | undefined
  endedAt: number | undefined
  bytes: number
  /** Frames handed to the transport. */
  frames: number
  stalls: number
  /** Milliseconds that the stream waited for the peer. */
  stallMs: number
  /** Milliseconds that the stream waited for its source. */
  sourceWaitMs: number
  end: StreamEnd | undefined
}

interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

/** Without `node:diagnostics_channel` (a browser, a small edge runtime) nobody can subscribe. */
const diagnostics = (
  globalThis as { process?: { getBuiltinModule?(id: string): { channel(name: string): Channel } | undefined } }
).process?.getBuiltinModule?.('node:diagnostics_channel')

const NOBODY: Channel = { hasSubscribers: false, publish() {} }
const channel = (event: string): Channel => diagnostics?.channel(`catzilla:stream-${event}`) ?? NOBODY

const channels = {
  start: channel('start'),
  'first-byte': channel('first-byte'),
  stall: channel('stall'),
  resume: channel('resume'),
  end: channel('end'),
}
export type StreamEventName = keyof typeof channels
const ALL = Object.values(channels)

/**
 * Begins the trace of a stream, or gives `undefined` when nobody listens to any channel: then nothing is counted.
 *
 * @internal
 */
export function startTrace(request: StreamRequest, status: number): StreamTrace | undefined {
  if (!ALL.some((each) => each.hasSubscribers)) return undefined
  const trace: StreamTrace = {
    request,
    status,
    startedAt: performance.now(),
    firstByteAt: undefined,
    endedAt: undefined,
    bytes: 0,
    frames: 0,
    stalls: 0,
    stallMs: 0,
    sourceWaitMs: 0,
    end: undefined,
  }
  publish('start', trace)
  return trace
}

/** @internal */
export function publish(event: StreamEventName, trace: StreamTrace): void {
  channels[event].publish(trace)
}
