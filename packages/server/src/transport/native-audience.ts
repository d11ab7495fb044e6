import { Release, WriteStatus, type NativeEngine, type Payload } from '@catzilla/core-native'
import type { StreamEnd } from '@catzilla/streaming'
import { bufferGone, clientGone } from '../errors.ts'
import type { EngineListener } from './engine-listener.ts'
import { bytesOf, failureOf, noticeOf } from './joined.ts'
import type { Audience } from './transport.ts'

type Listeners = (EngineListener | undefined)[]

const COMPLETED = { outcome: 'completed', error: undefined } as const
const LOST = { outcome: 'client-abort', error: undefined } as const

const byAudience = new WeakMap<Audience, NativeAudience>()

/**
 * Streams that have joined a topic and that nobody in JavaScript waits for, in the place of an exchange for each. It stands in
 * the slots of all of them.
 */
export class NativeAudience implements EngineListener {
  readonly generation = undefined

  constructor(
    private readonly engine: NativeEngine,
    private readonly listeners: Listeners,
    readonly audience: Audience,
  ) {}

  /** The same one for all streams of an audience. */
  static of(audience: Audience, engine: NativeEngine, listeners: Listeners): NativeAudience {
    let known = byAudience.get(audience)
    if (known === undefined) byAudience.set(audience, (known = new NativeAudience(engine, listeners, audience)))
    return known
  }

  bodyReadable(): void {}
  drain(): void {}
  halfClosed(): void {}

  lose(slot: number): void {
    this.end(slot, LOST)
  }

  fail(slot: number): void {
    this.end(slot, { outcome: 'source-error', error: bufferGone() })
  }

  released(slot: number, generation: number, why: Release, reason?: unknown): void {
    if (why === Release.through) return this.finish(slot, generation, undefined, COMPLETED)
    this.break(slot, generation, failureOf(why, this.audience.terms, reason))
  }

  missed(slot: number, generation: number, count: number): void {
    try {
      this.engine.tellMissed(slot, generation, noticeOf(this.audience.terms, count))
    } catch (error) {
      this.break(slot, generation, { outcome: 'source-error', error })
    }
  }

  /** Breaks one of them off. */
  break(slot: number, generation: number, end: Omit<StreamEnd, 'committed'>): void {
    this.engine.abort(slot, generation)
    this.end(slot, end)
  }

  /** Ends one of them before its topic does, but well, where its format has words for that. */
  sayFarewell(slot: number, generation: number, end: Omit<StreamEnd, 'committed'>): void {
    const { farewell } = this.audience.terms
    if (farewell === undefined) return this.break(slot, generation, end)
    try {
      this.finish(slot, generation, bytesOf(farewell()), end)
    } catch (error) {
      this.break(slot, generation, { outcome: 'source-error', error })
    }
  }

  private finish(slot: number, generation: number, last: Payload, end: Omit<StreamEnd, 'committed'>): void {
    const status = this.engine.finish(slot, generation, last)
    if (status === WriteStatus.blocked) {
      this.listeners[slot] = new LastBytes(this, slot, generation, end)
    } else {
      this.end(slot, status === WriteStatus.ok ? end : LOST)
    }
  }

  /** @internal */
  end(slot: number, end: Omit<StreamEnd, 'committed'>): void {
    this.listeners[slot] = undefined
    this.audience.ended({ ...end, committed: true })
  }
}

/** One of an audience whose end is on its way to a client that takes its time. */
class LastBytes implements EngineListener {
  private readonly timer: NodeJS.Timeout | undefined

  constructor(
    private readonly audience: NativeAudience,
    private readonly slot: number,
    readonly generation: number,
    private readonly last: Omit<StreamEnd, 'committed'>,
  ) {
    const { terms } = audience.audience
    const { stallMs } = terms.stream.deadlines
    if (stallMs === null || stallMs === Infinity) return
    this.timer = setTimeout(() => audience.break(slot, generation, failureOf(Release.late, terms, undefined)), stallMs)
    this.timer.unref()
  }

  bodyReadable(): void {}
  halfClosed(): void {}
  released(): void {}
  missed(): void {}

  drain(): void {
    clearTimeout(this.timer)
    this.audience.end(this.slot, this.last)
  }

  lose(): void {
    clearTimeout(this.timer)
    this.audience.lose(this.slot)
  }

  fail(): void {
    clearTimeout(this.timer)
    this.audience.fail(this.slot)
  }
}

/** Who still looks at the request of a stream that went to an audience. */
interface Watcher {
  readonly engine: NativeEngine
  readonly slot: number
  readonly generation: number
  abortSignal(reason: unknown): void
}

/** One of an audience, with its request's signal. */
class Watched implements EngineListener {
  constructor(
    private readonly audience: NativeAudience,
    private readonly watcher: Watcher,
  ) {}

  get generation(): number {
    return this.watcher.generation
  }

  bodyReadable(): void {}
  drain(): void {}
  halfClosed(): void {}

  fail(slot: number): void {
    this.watcher.abortSignal(bufferGone())
    this.audience.fail(slot)
  }

  lose(slot: number): void {
    this.watcher.abortSignal(clientGone())
    this.audience.lose(slot)
  }

  released(slot: number, generation: number, why: Release, reason?: unknown): void {
    if (why !== Release.through) this.watcher.abortSignal(reason ?? clientGone())
    this.audience.released(slot, generation, why, reason)
  }

  missed(slot: number, generation: number, count: number): void {
    this.audience.missed(slot, generation, count)
  }
}

/** A signal that is read when its stream has gone to an audience still fires with its end. */
export function watchAudience(listeners: Listeners, watcher: Watcher): void {
  const listener = listeners[watcher.slot]
  if (!(listener instanceof NativeAudience)) return
  if (watcher.engine.peer(watcher.slot, watcher.generation) === undefined) watcher.abortSignal(clientGone())
  else listeners[watcher.slot] = new Watched(listener, watcher)
}
