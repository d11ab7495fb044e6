import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks'

/** How busy the loop of this thread was since it was last asked. */
export interface LoopStats {
  /** Part of the time in which the loop did not wait for events, from 0 to 1. */
  readonly utilization: number
  /** How much later than due a timer ran, in milliseconds. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

/** Milliseconds between two looks at the clock. */
const RESOLUTION_MS = 10

/** Watches the loop from when it is made; it keeps no process alive. */
export class LoopWatch {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  private since: EventLoopUtilization = performance.eventLoopUtilization()

  constructor() {
    this.delay.enable()
  }

  /** The figures since the last call. */
  read(): LoopStats {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.since)
    this.since = now
    const { delay } = this
    const seen = delay.count > 0
    const lag = (ns: number) => (seen ? Math.max(0, ns / 1e6 - RESOLUTION_MS) : 0)
    const lagMs = { p50: lag(delay.percentile(50)), p99: lag(delay.percentile(99)), max: lag(delay.max) }
    delay.reset()
    return { utilization, lagMs }
  }

  stop(): void {
    this.delay.disable()
  }
}
