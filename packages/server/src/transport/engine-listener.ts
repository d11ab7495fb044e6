import type { Release } from '@catzilla/core-native'

/** Who hears of one exchange of the engine, or of many that go on by themselves. */
export interface EngineListener {
  /** Of the exchange; `undefined` where it is one of many. */
  readonly generation: number | undefined
  bodyReadable(): void
  drain(): void
  halfClosed(): void
  fail(slot: number): void
  lose(slot: number): void
  /** @param reason why the topic failed. */
  released(slot: number, generation: number, why: Release, reason?: unknown): void
  missed(slot: number, generation: number, count: number): void
}
