import { unref, type Timer } from '../timer.ts'
import type { Bus, BusFollower, BusFollowing, BusMessage, BusPosition, BusRetention } from './bus.ts'

/**
 * A bus within this process: for runs, and for tests of what will have a bus between machines. A channel alone needs none.
 */
export function memoryBus(): Bus {
  return new MemoryBus()
}

interface Stored {
  readonly position: BusPosition
  readonly message: BusMessage
  readonly storedAt: number
}

class MemoryBus implements Bus {
  private readonly logs = new Map<string, MemoryLog>()

  async append(log: string, messages: readonly BusMessage[], retain: BusRetention): Promise<BusPosition> {
    const position = this.logFor(log).append(messages, retain)
    if (retain.idleMs !== undefined) await this.expire(log, retain.idleMs)
    return position
  }

  follow(log: string, follower: BusFollower): BusFollowing {
    return this.logFor(log).follow(follower)
  }

  async exists(log: string): Promise<boolean> {
    return (this.logs.get(log)?.newest ?? 0) > 0
  }

  async expire(log: string, ms: number): Promise<void> {
    this.logs.get(log)?.expire(ms, () => this.logs.delete(log))
  }

  async close(): Promise<void> {
    for (const log of this.logs.values()) log.close()
    this.logs.clear()
  }

  private logFor(name: string): MemoryLog {
    let log = this.logs.get(name)
    if (log === undefined) this.logs.set(name, (log = new MemoryLog()))
    return log
  }
}

let epochs = 0

class MemoryLog {
  newest = 0
  private readonly epoch = `${Date.now().toString(36)}${(epochs++).toString(36)}`
  private stored: Stored[] = []
  private bytes = 0
  private readonly followers = new Set<BusFollower>()
  private expiry: Timer | undefined

  append(messages: readonly BusMessage[], retain: BusRetention): BusPosition {
    clearTimeout(this.expiry)
    for (const message of messages) {
      const position = { epoch: this.epoch, number: ++this.newest }
      this.stored.push({ position, message, storedAt: performance.now() })
      this.bytes += message.text.length
      this.trim(retain)
      for (const follower of this.followers) follower.message(position, message)
    }
    return { epoch: this.epoch, number: this.newest }
  }

  follow(follower: BusFollower): BusFollowing {
    for (const { position, message } of this.stored) follower.message(position, message)
    this.followers.add(follower)
    follower.ready()
    return { catchUp: async () => {}, close: () => void this.followers.delete(follower) }
  }

  expire(ms: number, forget: () => void): void {
    this.close()
    if (ms === 0) return forget()
    this.expiry = setTimeout(forget, ms)
    unref(this.expiry)
  }

  close(): void {
    clearTimeout(this.expiry)
  }

  private trim({ events, bytes, ageMs }: BusRetention): void {
    const { stored } = this
    const now = performance.now()
    let gone = 0
    while (gone < stored.length) {
      const oldest = stored[gone]!
      if (stored.length - gone <= events && this.bytes <= bytes && now - oldest.storedAt <= ageMs) break
      this.bytes -= oldest.message.text.length
      gone++
    }
    if (gone > 0) stored.splice(0, gone)
  }
}
