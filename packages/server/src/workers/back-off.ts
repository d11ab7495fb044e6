/** When workers that crash are started again. */
export interface RestartPolicy {
  /** Milliseconds before the first restart, at most; each further one waits twice as long. */
  readonly firstMs: number
  /** No wait is longer. */
  readonly mostMs: number
  /** A worker that has served for so long was well: its earlier crashes are forgotten. */
  readonly calmMs: number
  /** After so many crashes in a row a worker is given up. */
  readonly attempts: number
}

export const RESTARTS: RestartPolicy = Object.freeze({ firstMs: 100, mostMs: 30_000, calmMs: 10_000, attempts: 10 })

/**
 * Milliseconds to wait after a number of crashes in a row: doubled with each, and a random part of the upper half of it, so
 * that workers that fell together do not come back together.
 *
 * @param crashes from 1 on
 */
export function backOff(crashes: number, { firstMs, mostMs }: RestartPolicy, random = Math.random()): number {
  const most = Math.min(mostMs, firstMs * 2 ** (crashes - 1))
  return most / 2 + (most / 2) * random
}
