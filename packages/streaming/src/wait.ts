import { READY } from './scheduler.ts'

/** Who waits for the promises of a source, one at a time. */
export interface Waiter {
  /** Made for its first wait, and kept: {@link waitFor} sets it. */
  reactions: Reactions | undefined
  answered(answer: unknown): void
  failed(error: unknown): void
}

/** What a promise calls for one waiter, and for those that wait for the same promise. */
class Reactions {
  /** Bound, and not closures: those need a context beside them, in each call and for as long as the stream waits. */
  readonly onAnswer = this.answer.bind(this)
  readonly onFailure = this.fail.bind(this)
  promise: PromiseLike<unknown> | undefined
  followers: Waiter[] | undefined

  constructor(private readonly waiter: Waiter) {}

  private answer(answer: unknown): void {
    const { followers } = this
    this.promise = undefined
    if (followers !== undefined) this.tell(followers, (each) => each.answered(answer))
    this.waiter.answered(answer)
  }

  private fail(error: unknown): void {
    const { followers } = this
    this.promise = undefined
    if (followers !== undefined) this.tell(followers, (each) => each.failed(error))
    this.waiter.failed(error)
  }

  /** In a microtask each, as with a reaction of its own: one that throws must not cost the others their answer. */
  private tell(followers: readonly Waiter[], tell: (follower: Waiter) => void): void {
    this.followers = undefined
    for (const each of followers) void READY.then(() => tell(each))
  }
}

/** Who began to wait last. */
let last: Reactions | undefined

/**
 * Streams of one feed often wait for the very same promise. Then the first has reactions made for it, and the others follow:
 * 8 bytes each, where a reaction with its promise and two functions is 190.
 *
 * @internal
 */
export function waitFor(promise: PromiseLike<unknown>, waiter: Waiter): void {
  // A thenable may do its work for each `then()` that is called.
  if (last?.promise === promise && promise instanceof Promise) {
    ;(last.followers ??= []).push(waiter)
    return
  }
  const reactions = (waiter.reactions ??= new Reactions(waiter))
  reactions.promise = promise
  last = reactions
  promise.then(reactions.onAnswer, reactions.onFailure)
}

/**
 * The waiter has gone: nobody follows it any more, and nothing here holds it.
 *
 * @internal
 */
export function stopWaiting({ reactions }: Waiter): void {
  if (last === reactions) last = undefined
}
