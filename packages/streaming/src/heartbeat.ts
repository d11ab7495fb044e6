import { unref, type Timer } from './scheduler.ts'

/** What wants a sign of life when it was quiet for an interval. */
export interface Beating {
  /** Called twice an interval. */
  beat(): void
}

/**
 * One timer for all streams of the same interval: a timer each would cost more memory than the stream. Ticks are half an
 * interval, so that a heartbeat comes after an interval of silence at the earliest, and one and a half at the latest.
 */
class HeartbeatGroup {
  readonly members = new Set<Beating>()
  private timer: Timer | undefined

  constructor(private readonly intervalMs: number) {}

  add(member: Beating): void {
    this.members.add(member)
    if (this.timer !== undefined) return
    this.timer = setInterval(() => {
      for (const each of this.members) each.beat()
    }, this.intervalMs / 2)
    unref(this.timer)
  }

  delete(member: Beating): void {
    if (!this.members.delete(member) || this.members.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

const groups = new Map<number, HeartbeatGroup>()

/** @internal */
export function startHeartbeat(intervalMs: number, member: Beating): void {
  let group = groups.get(intervalMs)
  if (group === undefined) groups.set(intervalMs, (group = new HeartbeatGroup(intervalMs)))
  group.add(member)
}

/** @internal */
export function stopHeartbeat(intervalMs: number, member: Beating): void {
  const group = groups.get(intervalMs)
  group?.delete(member)
  if (group?.members.size === 0) groups.delete(intervalMs)
}
