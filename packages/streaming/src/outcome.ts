/**
 * How a stream ended. `completed` means that every byte was handed over; each of the others means that the client got a
 * visibly broken body, or none.
 */
export type Outcome = 'completed' | 'client-abort' | 'source-error' | 'timeout' | 'shutdown'

/** The end of a stream, as `after` callbacks and hosts get it. */
export interface StreamEnd {
  readonly outcome: Outcome
  /** What broke the stream: the source's error, or a `CatzillaError` that names the deadline. */
  readonly error: unknown
  /** Whether a head has left. While `false`, the host can still answer something else. */
  readonly committed: boolean
}

/**
 * Whether the host still owes an answer: nothing was sent, and somebody waits for it.
 *
 * @internal
 */
export function isUnanswered({ committed, outcome }: StreamEnd): boolean {
  return !committed && outcome !== 'client-abort'
}

export type AfterCallback = (end: StreamEnd) => unknown

/**
 * A callback that fails is the application's bug: it must not stop the next one, and must not pass unseen.
 *
 * @internal
 */
export function runAfter(callbacks: readonly AfterCallback[], end: StreamEnd): void {
  for (const callback of callbacks) void (async () => callback(end))()
}
