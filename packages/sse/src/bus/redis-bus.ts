import { randomUUID } from 'node:crypto'
import { rejectUnknown, show } from '@catzilla/streaming/format'
import { sseError } from '../errors.ts'
import { unref, type Timer } from '../timer.ts'
import type { Bus, BusFollower, BusFollowing, BusMessage, BusPosition, BusRetention } from './bus.ts'
import { commandsOf, openListener, type RedisClient, type RedisCommands, type RedisListener } from './redis-client.ts'
import { RedisOutbox } from './redis-outbox.ts'
import { RedisReader } from './redis-reader.ts'

export interface RedisBusOptions {
  /**
   * A client of `ioredis` or `redis`; of the latter, a connected one. It stays yours: the bus sends its commands over it, opens one
   * more connection to listen, and closes only that.
   */
  client: RedisClient
  /**
   * Ahead of all keys.
   * @defaultValue 'catzilla:'
   */
  prefix?: string
  /**
   * Milliseconds after which a publish that cannot reach Redis rejects.
   * @defaultValue 30000
   */
  giveUpMs?: number
  /**
   * Milliseconds without an event after which Redis forgets a log.
   * @defaultValue 604800000 (a week)
   */
  idleMs?: number
  /**
   * Milliseconds after which logs are read although no doorbell rang, in case one was lost.
   * @defaultValue 30000
   */
  pollMs?: number
}

const DEFAULTS = Object.freeze({
  client: undefined,
  prefix: 'catzilla:',
  giveUpMs: 30_000,
  idleMs: 7 * 24 * 60 * 60 * 1000,
  pollMs: 30_000,
})

/** Logs keep at least this much, so that readers which are late for a moment find what is new. */
const LEAST: BusRetention = { events: 1024, bytes: 4 * 1024 * 1024, ageMs: 60_000 }

/** Idle ones beyond this are dropped: a server may have had a channel for each of its users. */
const KEPT_OUTBOXES = 4096

/**
 * A bus on Redis Streams: what is published is stored with one call, whatever the number of processes, and read by each of them once.
 *
 * Keys of a log are in one slot of a cluster. What Redis has acknowledged survives its restart where it is set to (`appendonly yes` and
 * `appendfsync always`).
 *
 * @example
 * ```ts
 * const news = createChannel({ name: 'news', replay: { events: 10_000 }, bus: redisBus({ client: new Redis() }) })
 * ```
 * @throws `CZ_SSE_OPTION`
 */
export function redisBus(options: RedisBusOptions): Bus {
  rejectUnknown(options, DEFAULTS, badOption, 'option of a Redis bus')
  const { client, ...given } = options
  if (typeof client !== 'object' || client === null || !('call' in client || 'sendCommand' in client)) {
    throw badOption(`client must be a client of ioredis or redis (got ${show(client)})`)
  }
  const { prefix, giveUpMs, idleMs, pollMs } = { ...DEFAULTS, ...given }
  for (const [name, ms] of Object.entries({ giveUpMs, idleMs, pollMs })) {
    if (!Number.isSafeInteger(ms) || ms <= 0) throw badOption(`${name} must be milliseconds above 0 (got ${show(ms)})`)
  }
  return new RedisBus(client, { prefix, giveUpMs, idleMs, pollMs })
}

type Settings = Required<Omit<RedisBusOptions, 'client'>>

class RedisBus implements Bus {
  private readonly redis: RedisCommands
  private readonly writer = randomUUID()
  /** Each outbox counts its batches, so another for the same log is another writer. */
  private writers = 0
  private readonly outboxes = new Map<string, RedisOutbox>()
  /** By doorbell. */
  private readonly readers = new Map<string, Set<RedisReader>>()
  private listener: RedisListener | undefined
  private poll: Timer | undefined
  private closed = false

  constructor(
    private readonly client: RedisClient,
    private readonly settings: Settings,
  ) {
    this.redis = commandsOf(client)
  }

  async append(log: string, messages: readonly BusMessage[], retain: BusRetention): Promise<BusPosition> {
    const texts = messages.map((message) => JSON.stringify(message))
    return this.outboxFor(log).append(texts, atLeast(retain))
  }

  follow(log: string, follower: BusFollower): BusFollowing {
    this.requireOpen()
    const bell = this.key(log, 'bell')
    const reader = new RedisReader(this.redis, this.key(log, 'events'), follower, () => this.leave(bell, reader))
    let readers = this.readers.get(bell)
    if (readers === undefined) this.readers.set(bell, (readers = new Set()))
    readers.add(reader)
    if (readers.size === 1) this.listen(bell)
    else reader.ring()
    return reader
  }

  async exists(log: string): Promise<boolean> {
    const key = this.key(log, 'events')
    return Number(await this.redis.command(key, ['EXISTS', key])) === 1
  }

  async expire(log: string, ms: number): Promise<void> {
    const key = this.key(log, 'events')
    await this.redis.command(key, ['PEXPIRE', key, String(ms)])
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    clearInterval(this.poll)
    for (const outbox of this.outboxes.values()) outbox.close()
    for (const readers of this.readers.values()) for (const reader of readers) reader.close()
    this.listener?.close()
  }

  private outboxFor(log: string): RedisOutbox {
    let outbox = this.outboxes.get(log)
    if (outbox === undefined) {
      const { giveUpMs, idleMs } = this.settings
      outbox = new RedisOutbox(this.redis, {
        stream: this.key(log, 'events'),
        writer: this.key(log, `writer:${this.writer}:${this.writers++}`),
        bell: this.key(log, 'bell'),
        giveUpMs,
        idleMs,
      })
      if (this.closed) outbox.close()
      if (this.outboxes.size >= KEPT_OUTBOXES) this.dropIdleOutboxes()
      this.outboxes.set(log, outbox)
    }
    return outbox
  }

  private dropIdleOutboxes(): void {
    for (const [log, { idle }] of this.outboxes) if (idle) this.outboxes.delete(log)
  }

  // ── doorbells ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Reads behind the subscription: what rang before it is read, too. */
  private listen(bell: string): void {
    this.listener ??= this.openListener()
    const ring = () => this.ring(bell)
    this.listener.listen(bell).then(ring, (error: unknown) => this.failed(bell, error))
  }

  private leave(bell: string, reader: RedisReader): void {
    const readers = this.readers.get(bell)
    readers?.delete(reader)
    if (readers?.size !== 0) return
    this.readers.delete(bell)
    if (!this.closed) this.listener?.leave(bell).catch(() => {}) // The connection is gone, and its subscriptions with it.
  }

  private openListener(): RedisListener {
    this.poll = setInterval(() => this.ringAll(), this.settings.pollMs)
    unref(this.poll)
    return openListener(this.client, {
      rang: (bell) => this.ring(bell),
      // Clients subscribe again by themselves, but do not tell when that is done.
      connected: () => {
        for (const bell of this.readers.keys()) this.listen(bell)
      },
      failed: (error) => {
        for (const bell of this.readers.keys()) this.failed(bell, error)
      },
    })
  }

  private ring(bell: string): void {
    for (const reader of this.readers.get(bell) ?? []) reader.ring()
  }

  private ringAll(): void {
    for (const bell of this.readers.keys()) this.ring(bell)
  }

  private failed(bell: string, error: unknown): void {
    if (this.closed) return
    for (const reader of this.readers.get(bell) ?? []) reader.report(error)
  }

  /** A name with braces must not choose another slot. */
  private key(log: string, what: string): string {
    return `${this.settings.prefix}{${encodeURIComponent(log)}}:${what}`
  }

  private requireOpen(): void {
    if (this.closed) throw sseError('CZ_SSE_CLOSED', 'The bus is closed; follow before close()')
  }
}

function atLeast({ events, bytes, ageMs, ...idle }: BusRetention): BusRetention {
  return {
    ...idle,
    events: Math.max(events, LEAST.events),
    bytes: Math.max(bytes, LEAST.bytes),
    ageMs: Math.max(ageMs, LEAST.ageMs),
  }
}

function badOption(message: string): Error {
  return sseError('CZ_SSE_OPTION', message)
}
