import { unref, type Timer } from '../timer.ts'
import type { BusFollower, BusFollowing, BusMessage } from './bus.ts'
import type { RedisCommands } from './redis-client.ts'

const READ_COUNT = 500
const RETRY_MS = [20, 50, 100, 250, 500, 1_000]

type Entry = [id: string, fields: string[]]

/**
 * Reads one log from where it is on. The doorbell carries nothing: whoever hears it reads, so that one path serves news, a past and what
 * came while a connection was lost, and a ring that nobody heard costs time only.
 *
 * @internal
 */
export class RedisReader implements BusFollowing {
  private last: string | undefined
  private reading = false
  private rang = false
  private closed = false
  private readied = false
  private failures = 0
  private retry: Timer | undefined
  /** Who waits for the read that is under way, and for the one behind it. */
  private waiting: (() => void)[] = []
  private waitingNext: (() => void)[] = []

  constructor(
    private readonly redis: RedisCommands,
    private readonly stream: string,
    private readonly follower: BusFollower,
    private readonly onClose: () => void,
  ) {}

  /** There may be something to read. */
  ring(): void {
    if (this.closed) return
    this.rang = true
    if (!this.reading && this.retry === undefined) void this.read()
  }

  report(error: unknown): void {
    if (!this.closed) this.follower.error(error)
  }

  catchUp(): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => {
      this.waitingNext.push(resolve)
      this.ring()
    })
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.retry)
    this.answer([...this.waiting, ...this.waitingNext])
    this.onClose()
  }

  private async read(): Promise<void> {
    this.reading = true
    try {
      while (this.rang && !this.closed) {
        this.rang = false
        this.waiting.push(...this.waitingNext.splice(0))
        await this.readToEnd()
        this.failures = 0
        this.answer(this.waiting.splice(0))
        if (!this.readied && !this.closed) this.follower.ready()
        this.readied = true
      }
    } catch (error) {
      this.failed(error)
    }
    this.reading = false
  }

  private async readToEnd(): Promise<void> {
    for (let entries: Entry[] | undefined; entries === undefined || entries.length === READ_COUNT;) {
      const from = this.last === undefined ? '-' : `(${this.last}`
      const reply = await this.redis.command(this.stream, [
        'XRANGE',
        this.stream,
        from,
        '+',
        'COUNT',
        String(READ_COUNT),
      ])
      entries = reply as Entry[]
      for (const [id, [, message]] of entries) {
        if (this.closed) return
        this.last = id
        this.follower.message(positionOf(id), JSON.parse(message!) as BusMessage)
      }
    }
  }

  private failed(error: unknown): void {
    if (this.closed) return
    this.follower.error(error)
    const ms = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]
    this.retry = setTimeout(() => {
      this.retry = undefined
      this.ring()
    }, ms)
    unref(this.retry)
  }

  private answer(waiting: readonly (() => void)[]): void {
    for (const resolve of waiting) resolve()
  }
}

/** @internal */
export function positionOf(id: string): { epoch: string; number: number } {
  const dash = id.indexOf('-')
  return { epoch: Number(id.slice(0, dash)).toString(36), number: Number(id.slice(dash + 1)) }
}
