import { unref } from './scheduler.ts'

/** What is through, but for the last bytes that are on their way to the peer. */
export interface Ending {
  /** The end takes its time: its peer must have a deadline. */
  expectEnd(): void
}

/** Nearly all ends arrive within the turn. One that has not after this long, or twice that, gets a deadline of its own. */
const PATIENCE_MS = 100

let young = new Set<Ending>()
let old = new Set<Ending>()
let sweeping = false

/**
 * Watches an end: with one timer for all, as a task of the loop for each would cost every stream a turn of it.
 *
 * @internal
 */
export function watchEnd(ending: Ending): void {
  young.add(ending)
  if (!sweeping) sweepLater()
}

/** @internal */
export function unwatchEnd(ending: Ending): void {
  if (!young.delete(ending)) old.delete(ending)
}

function sweepLater(): void {
  sweeping = true
  unref(setTimeout(sweep, PATIENCE_MS))
}

function sweep(): void {
  const late = old
  old = young
  young = new Set()
  sweeping = false
  if (old.size > 0) sweepLater()
  for (const ending of late) ending.expectEnd()
}
