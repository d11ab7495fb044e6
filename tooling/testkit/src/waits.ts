import { Scope } from './scope.ts'

/** How long a test waits for what should come at once. Only a failing test ever waits this long. */
export const PATIENCE_MS = 5_000

const LOOK_EVERY_MS = 5

/** Waits for a condition that announces nothing (a statistic, a number of handles), by looking at it often. */
export async function until(condition: () => boolean, what: string, withinMs = PATIENCE_MS): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** Waits until a value has stayed the same for `quietMs`, and gives it. */
export async function settled(
  read: () => number,
  what: string,
  quietMs = 300,
  withinMs = PATIENCE_MS,
): Promise<number> {
  let last = read()
  let since = performance.now()
  await until(
    () => {
      const now = read()
      if (now !== last) since = performance.now()
      last = now
      return performance.now() - since >= quietMs
    },
    `${what} should come to rest`,
    withinMs,
  )
  return last
}

/** Bounds the wait for a promise. */
export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Something that goes on, and wakes the tests that wait for a point in it. */
export class Progress {
  private readonly looks = new Set<() => void>()
  private failure: Error | undefined

  /** To be called after each change. */
  happened(): void {
    for (const look of this.looks) look()
  }

  /** Nothing more can come right: every wait fails with this error. */
  failed(error: Error): void {
    this.failure ??= error
    this.happened()
  }

  /** Waits until `look` gives something else than `undefined`. */
  until<T>(look: () => T | undefined, what: () => string, withinMs = PATIENCE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        this.looks.delete(check)
      }
      const check = () => {
        const seen = look()
        if (seen !== undefined) {
          done()
          resolve(seen)
        } else if (this.failure !== undefined) {
          done()
          reject(new Error(`${what()}: ${this.failure.message}`, { cause: this.failure }))
        }
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`${what()}: not within ${withinMs} ms`))
      }, withinMs)
      this.looks.add(check)
      check()
    })
  }
}

/** What happened in a test, in order, with the time of each. */
export class Journal {
  private readonly progress = new Progress()
  private readonly noted: { readonly event: string; readonly detail: unknown; readonly at: number }[] = []
  private readonly scope = Scope.join(this)

  note(event: string, detail?: unknown): void {
    this.receive([event, detail])
    this.scope?.tell('server', [event, detail])
  }

  /** @internal */
  receive(message: unknown): void {
    const [event, detail] = message as [string, unknown]
    this.noted.push({ event, detail, at: performance.now() })
    this.progress.happened()
  }

  private get notes() {
    this.scope?.look()
    return this.noted
  }

  /** A function that notes its argument: `response.after(journal.noting('after'))`. */
  noting(event: string): (detail: unknown) => void {
    return (detail) => this.note(event, detail)
  }

  times(event: string): number {
    return this.notes.filter((note) => note.event === event).length
  }

  /** The events so far, in order. */
  get events(): string[] {
    return this.notes.map((note) => note.event)
  }

  /** When it happened first, on the clock of `performance.now()`. */
  timeOf(event: string): number {
    const note = this.notes.find((each) => each.event === event)
    if (note === undefined) throw new Error(`"${event}" has not happened`)
    return note.at
  }

  /** Waits for the first note of `event`, and gives its detail. */
  async first<T = unknown>(event: string, withinMs = PATIENCE_MS): Promise<T> {
    const note = await this.progress.until(
      () => this.notes.find((each) => each.event === event),
      () => `"${event}" should happen (so far: ${this.events.join(', ') || 'nothing'})`,
      withinMs,
    )
    return note.detail as T
  }
}
