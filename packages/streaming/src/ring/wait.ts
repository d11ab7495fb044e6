// How an end of a ring sleeps: on a cell that is not 0 while it does. The other end sets the cell to 0, then notifies, so that
// one who was about to sleep does not.

/** ES2024; the types of this project are those of ES2023. */
interface AsyncWaits {
  waitAsync(
    cells: Int32Array,
    cell: number,
    value: number,
  ): { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> }
}

/** Sleeps at most `timeoutMs`, and blocks the thread meanwhile. */
export function sleep(cells: Int32Array, cell: number, value: number, timeoutMs: number): void {
  Atomics.wait(cells, cell, value, timeoutMs)
}

/** Sleeps without blocking; it keeps no loop alive. `undefined` where the other end was quicker. */
export function sleepAsync(cells: Int32Array, cell: number, value: number): Promise<unknown> | undefined {
  const waiting = (Atomics as unknown as AsyncWaits).waitAsync(cells, cell, value)
  return waiting.async ? waiting.value : undefined
}

/** Wakes who sleeps on the cell, if it still has the value with which it went to sleep. */
export function wake(cells: Int32Array, cell: number, value: number): void {
  if (Atomics.compareExchange(cells, cell, value, 0) === value) Atomics.notify(cells, cell)
}
