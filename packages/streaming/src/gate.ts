/**
 * A promise for a producer that must wait. It counts as handled from the start: a producer that does not await its writes
 * must not crash the process when the client leaves.
 *
 * @internal
 */
export class Gate {
  readonly passed: Promise<void>
  open!: () => void
  refuse!: (error: Error) => void

  constructor() {
    this.passed = new Promise((resolve, reject) => {
      this.open = resolve
      this.refuse = reject
    })
    this.passed.catch(() => {})
  }
}

/** A rejection that may stay unread. */
export function refused(error: Error): Promise<never> {
  const promise = Promise.reject(error)
  promise.catch(() => {})
  return promise
}
