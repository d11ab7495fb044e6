import { expect, test } from 'vitest'
import { Topic, type QueuePolicy } from '@catzilla/streaming'
import { JOIN, type JoinableSource } from '../../src/source.ts'

// The log with its cursors, against what it stands for: a queue for each subscriber. Both get the same random publishing,
// reading and pausing.

const MAX_FRAMES = 4
const MAX_BYTES = 30
const POLICIES: QueuePolicy[] = ['drop-oldest', 'drop-newest', 'coalesce', 'evict', 'block']

type Entry = { readonly sequence: number; readonly text: string } | { lost: number }

/** One subscriber as a plain queue. */
class Queue {
  entries: Entry[] = []
  waiting = false
  evicted = false
  text = ''

  constructor(
    private readonly policy: QueuePolicy,
    private readonly filter: ((n: number) => boolean) | undefined,
  ) {}

  private get waitingFrames(): string[] {
    return this.entries.flatMap((entry) => ('text' in entry ? [entry.text] : []))
  }

  /** With one more frame, if given. */
  isFull(more: string[] = []): boolean {
    const frames = [...this.waitingFrames, ...more]
    return frames.length > MAX_FRAMES || frames.join('').length > MAX_BYTES
  }

  offer(n: number, sequence: number, text: string, superseded: number): void {
    if (this.evicted || this.filter?.(n) === false) return
    const behind = !this.waiting
    if (behind && this.policy === 'coalesce') {
      this.entries = this.entries.filter((entry) => !('text' in entry) || entry.sequence !== superseded)
    }
    if (behind && this.policy === 'drop-newest' && this.isFull([text])) return this.lose(this.entries.length)
    this.entries.push({ sequence, text })
    if (!behind || !this.isFull()) return
    if (this.policy === 'evict') this.evicted = true
    else if (this.policy !== 'block') this.dropOldest()
  }

  private dropOldest(): void {
    while (this.isFull() && this.waitingFrames.length > 1) {
      const oldest = this.entries.findIndex((entry) => 'text' in entry)
      this.entries.splice(oldest, 1)
      this.lose(oldest)
    }
  }

  private lose(at: number): void {
    const before = this.entries[at - 1]
    if (before !== undefined && 'lost' in before) before.lost++
    else this.entries.splice(at, 0, { lost: 1 })
  }

  /** What waits is taken at once; a loss behind it is told with the next. */
  take(): boolean {
    if (this.entries.length === 0) return false
    const last = this.entries.at(-1)!
    const kept = this.entries.length > 1 && 'lost' in last ? [last] : []
    if (kept.length > 0) this.entries.pop()
    for (const entry of this.entries) this.text += 'text' in entry ? entry.text : `<${entry.lost}>`
    this.entries = kept
    return true
  }
}

function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const loopTurn = () => new Promise(setImmediate)

test.each(Array.from({ length: 60 }, (_, seed) => seed))('the log does what queues would do, seed %i', async (seed) => {
  const pick = random(seed)
  const topic = new Topic<number>({ encode: (n, sequence) => `${sequence}:${n} `, retain: { frames: pick(5) } })
  const sequenceOf = new Map<number, number>()

  const pairs = Array.from({ length: 8 }, (_, i) => {
    const policy = POLICIES[i % POLICIES.length]!
    const filter = pick(3) === 0 ? (n: number) => n % 3 !== 0 : undefined
    const queue = new Queue(policy, filter)
    const source = topic.subscribe({
      policy,
      maxFrames: MAX_FRAMES,
      maxBytes: MAX_BYTES,
      missed: (count) => `<${count}>`,
      ...(filter !== undefined && { filter }),
    }) as unknown as JoinableSource
    const subscriber = source[JOIN]()
    const seen = { text: '', failed: false }
    const read = () => {
      if (queue.waiting) return
      queue.waiting = !queue.take()
      try {
        const result = subscriber.next()
        if ('then' in result) {
          expect(queue.waiting).toBe(true)
          result.then(
            ({ value }) => (seen.text += value as string),
            () => (seen.failed = true),
          )
        } else {
          seen.text += result.value as string
        }
      } catch {
        seen.failed = true
      }
    }
    return { queue, seen, read, subscriber }
  })

  for (let step = 0; step < 300; step++) {
    const chosen = pairs[pick(pairs.length)]!
    const what = pick(10)
    if (what < 5) {
      const blocked = pairs.some(({ queue }, i) => POLICIES[i % POLICIES.length] === 'block' && queue.isFull())
      if (!blocked) {
        const key = pick(4)
        const n = pick(3) === 0 ? 1_000_000 : pick(10)
        const sequence = topic.publish(n, { key })
        for (const { queue } of pairs) queue.offer(n, sequence, `${sequence}:${n} `, sequenceOf.get(key) ?? 0)
        sequenceOf.set(key, sequence)
      }
    } else if (what < 9) {
      if (!chosen.queue.evicted) chosen.read()
    } else {
      await loopTurn()
      for (const { queue } of pairs) if (queue.waiting && !queue.evicted && queue.take()) queue.waiting = false
    }
    for (const { queue, seen } of pairs) if (!queue.waiting) expect(seen.text).toBe(queue.text)
  }

  for (const { queue, subscriber } of pairs) {
    if (queue.evicted) expect(() => subscriber.next()).toThrow(expect.objectContaining({ code: 'CZ_TOPIC_EVICTED' }))
    subscriber.return!()
  }
  await loopTurn()
  expect(topic.stats.subscribers).toBe(0)
})
