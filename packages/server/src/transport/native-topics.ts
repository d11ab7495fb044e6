import { Release, TopicPolicy, type NativeEngine, type TopicName } from '@catzilla/core-native'
import type { JoinTerms, LogMirror, MirroredTopic } from '@catzilla/streaming'
import type { EngineListener } from './engine-listener.ts'

/** By engine, so that a sink needs to know no more than that. */
const topicsByEngine = new WeakMap<NativeEngine, NativeTopics>()

/**
 * Lets the streams of an engine join topics.
 *
 * @param listeners by slot: who hears of what happens to a stream.
 */
export function keepTopics(engine: NativeEngine, listeners: readonly (EngineListener | undefined)[]): void {
  topicsByEngine.set(engine, new NativeTopics(engine, listeners))
}

export function topicsOf(engine: NativeEngine): NativeTopics | undefined {
  return topicsByEngine.get(engine)
}

/** The topics that streams of one engine have joined: each is sent from a log of its own there, without JavaScript. */
class NativeTopics {
  private readonly mirrors = new WeakMap<MirroredTopic, NativeMirror>()

  constructor(
    private readonly engine: NativeEngine,
    private readonly listeners: readonly (EngineListener | undefined)[],
  ) {}

  /** Whether the engine sends the topic on this exchange from here on. */
  join(topic: MirroredTopic, terms: JoinTerms, slot: number, generation: number): boolean {
    let mirror = this.mirrors.get(topic)
    if (mirror === undefined) {
      mirror = new NativeMirror(this.engine, this.listeners, topic)
      this.mirrors.set(topic, mirror)
    }
    return mirror.join(terms, slot, generation)
  }
}

/** A topic's log in an engine. It ends there with the last stream that has joined it, and begins anew with the next. */
class NativeMirror implements LogMirror {
  private name: TopicName = [0, 0]
  /** By slot. Who has left is found when something is published. */
  private readonly filters = new Map<number, Filter>()

  constructor(
    private readonly engine: NativeEngine,
    private readonly listeners: readonly (EngineListener | undefined)[],
    private readonly topic: MirroredTopic,
  ) {}

  join(terms: JoinTerms, slot: number, generation: number): boolean {
    const { engine, topic } = this
    const numbers = numbersOf(terms)
    const heartbeat = terms.stream.heartbeat?.frame
    const isHere = () => engine.join(...this.name, slot, generation, numbers, heartbeat)
    if (!topic.mirrors.has(this) || !isHere()) {
      if (topic.mirrors.has(this) && this.stats().subscribers > 0) return false
      this.name = engine.openTopic(topic.log.newest)
      if (!isHere()) return false
      topic.mirrors.add(this)
    }
    const { filter } = terms.subscribe
    if (filter !== undefined) this.addFilter(slot, generation, filter)
    return true
  }

  publish(item: unknown, frame: string | Uint8Array, superseded: number): void {
    const { counts, mirrors } = this.topic
    const leftOut = this.filters.size === 0 ? undefined : this.filter(item)
    const result = this.engine.publish(...this.name, superseded, frame, leftOut)
    if (result === true) return
    if (typeof result === 'object') {
      counts.dropped += result[0]
      counts.coalesced += result[1]
      counts.evicted += result[2]
      if (result[3] === 1) return
    }
    mirrors.delete(this)
    this.filters.clear()
  }

  close(): void {
    this.engine.closeTopic(...this.name)
  }

  abort(reason: unknown): void {
    const freed = this.engine.abortTopic(...this.name)
    for (let at = 0; at < freed.length; at += 2) {
      this.listeners[freed[at]!]?.released(freed[at]!, freed[at + 1]!, Release.failed, reason)
    }
  }

  private addFilter(slot: number, generation: number, passes: Filter['passes']): void {
    const { filters, engine } = this
    if (filters.size > SPARE_FILTERS + 2 * this.stats().subscribers) {
      for (const [each, filter] of filters) if (!engine.hasJoined(each, filter.generation)) filters.delete(each)
    }
    filters.set(slot, { generation, passes })
  }

  /** Those who do not get the item. A filter that throws breaks its own stream, and no other. */
  private filter(item: unknown): Uint32Array {
    const leftOut: number[] = []
    for (const [slot, { generation, passes }] of this.filters) {
      if (!this.engine.hasJoined(slot, generation)) {
        this.filters.delete(slot)
        continue
      }
      try {
        if (!passes(item as never)) leftOut.push(slot, generation)
      } catch (error) {
        this.listeners[slot]?.released(slot, generation, Release.failed, error)
      }
    }
    return Uint32Array.from(leftOut)
  }

  stats(): { subscribers: number; heldFrames: number; heldBytes: number } {
    const [subscribers, heldFrames, heldBytes] = this.engine.topicStats(...this.name)
    return { subscribers, heldFrames, heldBytes }
  }
}

/** Of streams that have left; more are looked for. */
const SPARE_FILTERS = 64

interface Filter {
  readonly generation: number
  readonly passes: (item: never) => boolean
}

const numbers = new Float64Array(7)

/** The same array each time: it is read before the call returns. */
function numbersOf({ subscribe, stream }: JoinTerms): Float64Array {
  const { policy, missed, maxFrames, maxBytes } = subscribe
  const { stallMs, minBytesPerSecond } = stream.deadlines
  numbers[0] = TopicPolicy[policy as keyof typeof TopicPolicy]
  numbers[1] = missed === undefined ? 0 : 1
  numbers[2] = maxFrames
  numbers[3] = maxBytes
  numbers[4] = stream.heartbeat?.intervalMs ?? 0
  numbers[5] = stallMs === null || stallMs === Infinity ? 0 : stallMs
  numbers[6] = minBytesPerSecond ?? 0
  return numbers
}
