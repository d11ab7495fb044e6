import { defined, rejectUnknown, show } from '@catzilla/streaming/format'
import type { Bus } from '../bus/bus.ts'
import { memoryBus } from '../bus/memory-bus.ts'
import type { ResolvedChannelOptions } from '../channel/options.ts'
import { resolveChannelOptions } from '../channel/options.ts'
import { sseError } from '../errors.ts'
import type { StreamFace } from '../options.ts'
import { plainWire, type Wire } from './wire.ts'

/** How runs are kept, and how they look to who views them: the same for `createRun()` and `openRun()`. */
export interface RunSettings<Part> extends Omit<StreamFace, 'farewell'> {
  /**
   * Where runs are kept.
   * @defaultValue within this process
   */
  bus?: Bus
  /**
   * The form of the answer.
   * @defaultValue `plainWire()`
   */
  wire?: Wire<Part>
  /**
   * Bytes of events that are kept for one run. Of a longer one the beginning is lost to those who come late: they are told by a
   * `resync` event.
   * @defaultValue 8388608
   */
  maxBytes?: number
  /**
   * Milliseconds for which a run that has ended can still be viewed.
   * @defaultValue 300000
   */
  ttlMs?: number
  /**
   * Milliseconds after which a run is given up whose process gives no sign of life. A quiet run gives them.
   * @defaultValue 30000
   */
  leaseMs?: number
}

export interface RunOptions<Part> extends RunSettings<Part> {
  /**
   * Name of the run, by which others view and stop it. Whoever knows it can: check who asks.
   * @defaultValue a random one
   */
  id?: string
}

const DEFAULTS = Object.freeze({ maxBytes: 8 * 1024 * 1024, ttlMs: 300_000, leaseMs: 30_000 })

const KEYS = {
  ...DEFAULTS,
  id: undefined,
  bus: undefined,
  wire: undefined,
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  heartbeatMs: undefined,
  retryMs: undefined,
  maxAgeMs: undefined,
  lastEventIdParam: undefined,
}

/** @internal */
export interface ResolvedRunOptions<Part> {
  readonly id: string
  readonly log: string
  readonly bus: Bus
  readonly wire: Wire<Part>
  readonly ttlMs: number
  readonly leaseMs: number
  readonly channel: ResolvedChannelOptions
}

let processBus: Bus | undefined

/**
 * @throws `CZ_SSE_OPTION`
 * @internal
 */
export function resolveRunOptions<Part>(options: RunOptions<Part>): ResolvedRunOptions<Part> {
  rejectUnknown(options, KEYS, badOption, 'run option')
  const {
    id = crypto.randomUUID(),
    bus = (processBus ??= memoryBus()),
    wire,
    maxBytes,
    ttlMs,
    leaseMs,
    ...face
  } = options
  const bounds = { ...DEFAULTS, ...defined({ maxBytes, ttlMs, leaseMs }) }
  for (const [name, value] of Object.entries(bounds)) {
    if (!Number.isSafeInteger(value) || value <= 0)
      throw badOption(`${name} must be a whole number above 0 (got ${show(value)})`)
  }
  if (typeof id !== 'string' || id === '') throw badOption(`id must be text (got ${show(id)})`)
  const log = `run:${id}`
  const channel = resolveChannelOptions({ ...face, name: log, bus, replay: { bytes: bounds.maxBytes } })
  // What a viewer has not taken yet is kept in any case: it needs no bound of its own.
  const own = { policy: 'evict', maxEvents: Infinity, maxBytes: Infinity } as const
  return {
    id,
    log,
    bus,
    wire: wire ?? (plainWire() as unknown as Wire<Part>),
    ttlMs: bounds.ttlMs,
    leaseMs: bounds.leaseMs,
    channel: { ...channel, bounds: own, retain: { ...channel.retain, idleMs: bounds.leaseMs } },
  }
}

function badOption(message: string): Error {
  return sseError('CZ_SSE_OPTION', message)
}
