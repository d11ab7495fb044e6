import { Scope } from './scope.ts'
import { Journal } from './waits.ts'

type Step = { readonly value: unknown } | { readonly error: unknown } | 'end'

/**
 * A source that gives what the test hands it, when it does. It is a bare iterator, so that every call of the pump is seen:
 * the journal notes `next` and `return`.
 */
export class ScriptedSource implements AsyncIterator<string, undefined> {
  readonly journal = new Journal()
  private readonly steps: Step[] = []
  private wake: (() => void) | undefined
  private readonly scope = Scope.join(this)

  /** @param first items that are there from the start. */
  constructor(...first: unknown[]) {
    this.give(...first)
  }

  give(...items: unknown[]): void {
    this.add(...items.map((value) => ({ value })))
  }

  fail(error: unknown): void {
    this.add({ error })
  }

  end(): void {
    this.add('end')
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    this.journal.note('next')
    while (this.steps.length === 0) await new Promise<void>((resolve) => (this.wake = resolve))
    const step = this.steps.shift()!
    if (step === 'end') return { done: true, value: undefined }
    if ('error' in step) throw step.error
    return { done: false, value: step.value as string }
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.journal.note('return')
    return { done: true, value: undefined }
  }

  /** @internal */
  receive(message: unknown): void {
    this.steps.push(...(message as Step[]))
    this.wake?.()
  }

  private add(...steps: Step[]): void {
    this.receive(steps)
    this.scope?.tell('client', steps)
  }
}

/** What is produced in another thread is told in steps of so much. */
const TOLD_BYTES = 256 * 1024

/** What an endless source has produced, and whether it was told to stop. */
export class EndlessSource {
  readonly journal = new Journal()
  private readonly scope = Scope.join(this)
  private bytes = 0
  private untold = 0

  constructor(readonly item = 'x'.repeat(1023) + '\n') {}

  *sync(): Generator<string> {
    try {
      for (;;) yield this.next()
    } finally {
      this.journal.note('finally')
    }
  }

  async *async(): AsyncGenerator<string> {
    try {
      for (;;) yield this.next()
    } finally {
      this.journal.note('finally')
    }
  }

  next(): string {
    this.bytes += this.item.length
    this.untold += this.item.length
    if (this.untold >= TOLD_BYTES) {
      this.scope?.tell('server', this.untold)
      this.untold = 0
    }
    return this.item
  }

  get produced(): number {
    this.scope?.look()
    return this.bytes
  }

  /** @internal */
  receive(message: unknown): void {
    this.bytes += message as number
  }
}
