import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { show } from '@catzilla/streaming/format'
import { sseError } from '../errors.ts'
import type { BusPosition, BusRetention } from './bus.ts'
import type { RedisCommands } from './redis-client.ts'
import { positionOf } from './redis-reader.ts'
import { APPEND } from './redis-script.ts'

const SHA = createHash('sha1').update(APPEND).digest('hex')

/** One call carries what has come together while the one before was on its way, up to this. */
const BATCH_MESSAGES = 256
const BATCH_BYTES = 256 * 1024

/** What may wait for Redis; beyond it, publishing is refused. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

const RETRY_MS = [20, 50, 100, 250, 500, 1_000]

/** Answers after which the same command fails again. Others (`LOADING`, `READONLY`, lost connections) pass. */
const FINAL_REPLY = /^(ERR|WRONGTYPE|OOM|NOAUTH|NOPERM|CROSSSLOT|MISCONF|WRONGPASS)\b/

/** @internal */
export interface OutboxTarget {
  readonly stream: string
  readonly writer: string
  readonly bell: string
  readonly giveUpMs: number
  readonly idleMs: number
}

interface Waiting {
  readonly messages: readonly string[]
  readonly bytes: number
  stored(position: BusPosition): void
  failed(error: unknown): void
}

/**
 * Appends to one log, one call at a time: a call whose answer was lost is sent again with the same number before anything else, so
 * that nothing is stored twice or in another order.
 *
 * @internal
 */
export class RedisOutbox {
  private readonly waiting: Waiting[] = []
  private waitingBytes = 0
  private batch = 0
  private sending = false
  private closed = false

  constructor(
    private readonly redis: RedisCommands,
    private readonly target: OutboxTarget,
  ) {}

  get idle(): boolean {
    return !this.sending
  }

  /** Resolves with the position of the last message. */
  append(messages: readonly string[], retain: BusRetention): Promise<BusPosition> {
    const bytes = messages.reduce((sum, message) => sum + message.length, 0)
    if (this.closed) return Promise.reject(sseError('CZ_SSE_CLOSED', 'The bus is closed; publish before close()'))
    if (this.waitingBytes + bytes > MAX_WAITING_BYTES) {
      const message = `${this.waitingBytes} bytes wait for Redis already; await publish() to keep its pace`
      return Promise.reject(sseError('CZ_SSE_BUS', message))
    }
    this.waitingBytes += bytes
    return new Promise((stored, failed) => {
      this.waiting.push({ messages, bytes, stored, failed })
      if (!this.sending) void this.send(retain)
    })
  }

  close(): void {
    this.closed = true
  }

  private async send(retain: BusRetention): Promise<void> {
    this.sending = true
    await Promise.resolve() // What is published in one turn goes together.
    while (this.waiting.length > 0) {
      const batch = this.takeBatch()
      try {
        const last = positionOf(await this.store(batch, retain))
        let behind = batch.reduce((sum, { messages }) => sum + messages.length, 0)
        for (const { messages, stored } of batch) {
          behind -= messages.length
          stored({ epoch: last.epoch, number: last.number - behind })
        }
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
      for (const { bytes } of batch) this.waitingBytes -= bytes
    }
    this.sending = false
  }

  private takeBatch(): Waiting[] {
    let messages = 0
    let bytes = 0
    let count = 0
    for (const each of this.waiting) {
      messages += each.messages.length
      bytes += each.bytes
      if (count > 0 && (messages > BATCH_MESSAGES || bytes > BATCH_BYTES)) break
      count++
    }
    return this.waiting.splice(0, count)
  }

  /** Tries until Redis has it, or has refused it, or time is up. */
  private async store(batch: readonly Waiting[], retain: BusRetention): Promise<string> {
    const args = this.argumentsFor(
      batch.flatMap(({ messages }) => messages),
      retain,
    )
    const until = performance.now() + this.target.giveUpMs
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.call(args)
      } catch (error) {
        const why = error instanceof Error ? error.message : show(error)
        if (FINAL_REPLY.test(why) || this.closed) throw sseError('CZ_SSE_BUS', `Redis did not store it: ${why}`, error)
        if (performance.now() > until) {
          const message = `Redis cannot be reached (${why}); the event may have been stored or not`
          throw sseError('CZ_SSE_BUS', message, error)
        }
        await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)])
      }
    }
  }

  private argumentsFor(
    messages: readonly string[],
    { events, bytes, ageMs, idleMs = this.target.idleMs }: BusRetention,
  ): string[] {
    const { stream, writer, bell, giveUpMs } = this.target
    const bounds = [events, bytes, ageMs].map((bound) => String(Number.isFinite(bound) ? bound : -1))
    const writerMs = String(giveUpMs * 2 + 60_000)
    return ['2', stream, writer, String(++this.batch), writerMs, ...bounds, String(idleMs), bell, ...messages]
  }

  private async call(args: readonly string[]): Promise<string> {
    const { stream } = this.target
    try {
      return String(await this.redis.command(stream, ['EVALSHA', SHA, ...args]))
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return String(await this.redis.command(stream, ['EVAL', APPEND, ...args]))
    }
  }
}
