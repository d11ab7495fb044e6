import { streamError } from './errors.ts'
import type { ResolvedOptions } from './options.ts'
import { nextTurn, unref, type Timer } from './scheduler.ts'

/** Grace before `minBytesPerSecond` applies, as long as that of ASP.NET's minimum data rate. */
const RATE_GRACE_MS = 5_000

type Limit = 'firstItem' | 'total' | 'idle' | 'peer'

/**
 * The time limits of one stream. An item in between costs a note of the time and no timer call: the idle timer moves
 * itself when it fires early. No timer here keeps a process alive.
 *
 * @internal
 */
export class Deadlines {
  private firstItem: Timer | undefined
  private total: Timer | undefined
  private idle: Timer | undefined
  private peer: Timer | undefined
  private lastItemAt = 0
  private peerIsBehind = false

  constructor(
    private readonly limits: ResolvedOptions['deadlines'],
    private readonly expire: (error: Error, limit: Limit) => void,
  ) {}

  /** Whether any limit runs from the start, so that a stream without one needs no such object until its peer stalls. */
  static runFromStart({ firstItemMs, idleMs, totalMs }: ResolvedOptions['deadlines']): boolean {
    return firstItemMs !== null || idleMs !== null || totalMs !== null
  }

  start(): void {
    const { firstItemMs, idleMs, totalMs } = this.limits
    this.lastItemAt = performance.now()
    if (firstItemMs !== null) this.limit('firstItem', firstItemMs, 'the source gave no first item')
    if (totalMs !== null) this.limit('total', totalMs, 'it was not through')
    if (idleMs !== null) this.limitIdle(idleMs, idleMs)
  }

  itemCame(): void {
    if (this.firstItem !== undefined) this.disarm('firstItem')
    if (this.idle !== undefined) this.lastItemAt = performance.now()
  }

  /** The peer has `bytes` to take before the stream goes on. */
  peerBehind(bytes: number): void {
    const { stallMs, minBytesPerSecond } = this.limits
    const rateMs = minBytesPerSecond === null ? Infinity : RATE_GRACE_MS + (bytes / minBytesPerSecond) * 1000
    const ms = Math.min(stallMs ?? Infinity, rateMs)
    this.peerIsBehind = true
    if (ms !== Infinity) this.arm('peer', ms, () => this.expire(peerLateError(ms), 'peer'))
  }

  peerCaughtUp(): void {
    this.disarm('peer')
    this.peerIsBehind = false
    this.lastItemAt = performance.now() // The source was not asked while the peer was behind.
  }

  /** The source is through: from here on only the peer can be late, and the whole. */
  sourceEnded(): void {
    this.disarm('firstItem')
    this.disarm('idle')
  }

  clear(): void {
    this.sourceEnded()
    this.disarm('total')
    this.disarm('peer')
  }

  private limit(limit: Limit, ms: number, what: string): void {
    this.arm(limit, ms, () => this.expire(timeoutError(what, ms), limit))
  }

  private limitIdle(ms: number, limitMs: number): void {
    this.arm('idle', ms, () => {
      const left = this.peerIsBehind ? limitMs : this.lastItemAt + limitMs - performance.now()
      if (left > 0) this.limitIdle(Math.ceil(left), limitMs)
      else this.expire(timeoutError('the source gave no item', limitMs), 'idle')
    })
  }

  /**
   * When a timer fires, the loop gets a turn before anybody is called late: after a pause of the whole process, timers run
   * ahead of what has arrived meanwhile.
   */
  private arm(limit: Limit, ms: number, late: () => void): void {
    clearTimeout(this[limit])
    const timer = setTimeout(() => nextTurn(() => this[limit] === timer && late(), undefined), ms)
    unref(timer)
    this[limit] = timer
  }

  private disarm(limit: Limit): void {
    clearTimeout(this[limit])
    this[limit] = undefined
  }
}

/** @internal */
export function peerLateError(ms: number): Error {
  return timeoutError('the client took nothing, or too little,', ms)
}

function timeoutError(what: string, ms: number): Error {
  return streamError('CZ_STREAM_TIMEOUT', `The stream was stopped: ${what} within ${Math.round(ms)} ms`)
}
