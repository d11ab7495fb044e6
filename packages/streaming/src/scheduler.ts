/** The moments a pump waits for. Node, Bun and Deno have the first two built in; elsewhere a message channel stands in. */

/** What one turn of the loop may be taken for, in milliseconds. */
export const TURN_MS = 2

/** Passing the argument along saves a closure per call. */
type Schedule = <T>(task: (argument: T) => void, argument: T) => void

interface HostGlobals {
  process?: { nextTick?: Schedule }
  setImmediate?: Schedule
}
/** A microtask from now. @internal */
export const READY = Promise.resolve()
const host = globalThis as unknown as HostGlobals

const nextTick = host.process?.nextTick

/**
 * Runs a task when the microtasks of this turn have drained. `process.nextTick` does exactly that when it is called from a
 * microtask (from a task of the loop, it runs before them); where it is missing, a task of the loop is the nearest thing.
 *
 * @internal
 */
export const afterMicrotasks: Schedule =
  nextTick === undefined ? messageTask() : (task, argument) => void READY.then(() => nextTick(task, argument))

/**
 * Runs a task in a later turn of the event loop, after pending I/O has had its chance.
 *
 * @internal
 */
export const nextTurn: Schedule = host.setImmediate ?? messageTask()

export type Timer = ReturnType<typeof setTimeout>

/**
 * Lets the process end although the timer runs. Timers are numbers in a browser, and there is no such thing there.
 *
 * @internal
 */
export function unref(timer: Timer): void {
  ;(timer as { unref?(): unknown }).unref?.()
}

/**
 * Calls back, once, when `promise` has settled or `ms` have passed.
 *
 * @internal
 */
export function whenSettled(promise: PromiseLike<unknown>, ms: number, callback: () => void): void {
  let timer: Timer | undefined
  const once = () => {
    if (timer === undefined) return
    clearTimeout(timer)
    timer = undefined
    callback()
  }
  timer = setTimeout(once, ms)
  unref(timer)
  promise.then(once, once)
}

function messageTask(): Schedule {
  const tasks: (() => void)[] = []
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => tasks.shift()?.())
  ;(port1 as { start?(): void }).start?.()
  return (task, argument) => {
    tasks.push(() => task(argument))
    port2.postMessage(0)
  }
}
