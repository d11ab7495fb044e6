import { unref, type Timer } from './scheduler.ts'

/** What wants a sign of life when it was quiet for an interval. */
export interface Beating {
  /** Among those of its interval; the group sets it. */
  beatPlace: number
  /** Called twice an interval. */
  beat(): void
}

/**
 * One timer for all streams of the same interval: a timer each would cost more memory than the stream. Ticks are half an
 * interval, so that a heartbeat comes after an interval of silence at the earliest, and one and a half at the latest.
 */
interface HeartbeatGroup {
  /** In any order: each knows its place, so that it leaves at once. A set costs twice as much for each. */
  readonly members: Beating[]
  readonly timer: Timer
}

const groups = new Map<number, HeartbeatGroup>()

/** @internal */
export function startHeartbeat(intervalMs: number, member: Beating): void {
  let group = groups.get(intervalMs)
  if (group === undefined) groups.set(intervalMs, (group = newGroup(intervalMs)))
  member.beatPlace = group.members.push(member) - 1
}

/** @internal */
export function stopHeartbeat(intervalMs: number, member: Beating): void {
  const group = groups.get(intervalMs)
  const place = member.beatPlace
  if (group?.members[place] !== member) return
  const last = group.members.pop()!
  if (last !== member) {
    last.beatPlace = place
    group.members[place] = last
  }
  if (group.members.length > 0) return
  clearInterval(group.timer)
  groups.delete(intervalMs)
}

function newGroup(intervalMs: number): HeartbeatGroup {
  const members: Beating[] = []
  const timer = setInterval(() => {
    // From the end: who leaves meanwhile is replaced by one that had its turn.
    for (let i = members.length; i-- > 0;) members[i]?.beat()
  }, intervalMs / 2)
  unref(timer)
  return { members, timer }
}
