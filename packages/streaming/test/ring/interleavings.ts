// Explores every interleaving of the atomic steps of two threads, over the code as it is: `Atomics` is replaced by a step that
// can be interrupted.
//
// A thread is a function that does the same whenever its atomic operations give the same. So it can be stopped before any of
// them (by an exception), and taken up again: it runs anew from its start, gets the recorded results, and one new one. What it
// does between two operations happens at once behind the first.
//
// States that were seen before are not explored again. A state is the memory, and of each thread where it stands (its stack),
// the fields of its end of the ring, and its latest results, as locals of the ring's methods may still hold those.

import { inspect } from 'node:util'

export interface Thread {
  /** Its locals that outlive an operation. */
  locals(): unknown
  /** Runs to its end. Touches nothing shared but by `Atomics` and the bytes of the ring. */
  run(watch: Watch): void
}

export interface Watch {
  /** Makes part of the result. */
  observe(what: string): void
  /** For bytes that were just read from the ring: when the thread is taken up again, it gets the same. */
  remember(bytes: Uint8Array): void
}

export interface Explored {
  readonly states: number
  /** What the threads observed, joined, in each way in which all came to their end. */
  readonly results: ReadonlySet<string>
  /** The first thing that went wrong, and what the threads had seen before. */
  readonly flaw: string | undefined
}

interface State {
  readonly memory: Uint8Array
  readonly threads: readonly ThreadState[]
}

interface ThreadState {
  /** What its atomic operations gave. */
  readonly log: readonly number[]
  readonly observed: readonly string[]
  /** What it has read of the ring's bytes. */
  readonly read: readonly string[]
  /** The cell on which it sleeps. */
  readonly asleep: number | undefined
  readonly ended: boolean
  readonly place: string
}

/** Results that a local may hold while other operations are done: two, in the code as it is. */
const LATEST = 4
const MOST_STATES = 200_000

const STOP = Symbol('stop')
const REAL = globalThis.Atomics
const START: ThreadState = { log: [], observed: [], read: [], asleep: undefined, ended: false, place: '' }

export function explore(memory: SharedArrayBuffer, threads: readonly Thread[]): Explored {
  const bytes = new Uint8Array(memory)
  const seen = new Set<string>()
  const results = new Set<string>()
  const stack: State[] = [{ memory: bytes.slice(), threads: threads.map(() => START) }]
  try {
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      const key = keyOf(state)
      if (seen.has(key)) continue
      if (seen.add(key).size > MOST_STATES) throw new Error('there are too many states')
      const able = threads.filter(
        (_, index) => !state.threads[index]!.ended && state.threads[index]!.asleep === undefined,
      )
      for (const thread of able) stack.push(step(bytes, state, threads.indexOf(thread), thread))
      if (able.length > 0) continue
      if (!state.threads.every(({ ended }) => ended)) throw new Error('somebody sleeps for ever')
      results.add(state.threads.map(({ observed }) => observed.join(' ')).join(' | '))
    }
    return { states: seen.size, results, flaw: undefined }
  } catch (error) {
    return { states: seen.size, results, flaw: inspect(error) }
  } finally {
    globalThis.Atomics = REAL
  }
}

function keyOf({ memory, threads }: State): string {
  const words = [...new Int32Array(memory.buffer)].flatMap((word, index) => (word === 0 ? [] : [index, word]))
  const places = threads.map(({ log, ...rest }) => [log.slice(-LATEST), rest])
  return JSON.stringify([words, places])
}

/** Lines and columns of the stack. */
function placeOf(thread: Thread): string {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = 20
  Error.prepareStackTrace = (_error, sites) =>
    sites.map((site) => `${site.getLineNumber()}:${site.getColumnNumber()}`).join(' ')
  const stack = String(new Error('here').stack)
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  return `${stack} ${JSON.stringify(thread.locals())}`
}

/** One more atomic operation of one thread, and what it does until the next. */
function step(bytes: Uint8Array, state: State, index: number, thread: Thread): State {
  bytes.set(state.memory)
  const before = state.threads[index]!
  const log = [...before.log]
  const observed = [...before.observed]
  const read = [...before.read]
  const sleepers = state.threads.map(({ asleep }) => asleep)
  let ended = false
  let place = ''

  const stop = () => {
    place = placeOf(thread)
    throw STOP
  }
  let replayed = 0
  const operation = (act: () => number): number => {
    if (replayed < before.log.length) return log[replayed++]!
    if (log.length > before.log.length) stop()
    const result = act()
    log.push(result)
    replayed++
    if (sleepers[index] !== undefined) stop()
    return result
  }
  let told = 0
  let remembered = 0
  const watch: Watch = {
    observe(what) {
      if (told++ === observed.length) observed.push(what)
    },
    remember(bytes) {
      if (remembered === read.length) read.push(Buffer.from(bytes).toString('latin1'))
      bytes.set(Buffer.from(read[remembered++]!, 'latin1'))
    },
  }

  globalThis.Atomics = steppedAtomics(operation, sleepers, index)
  try {
    thread.run(watch)
    ended = true
  } catch (error) {
    if (error !== STOP) throw new Error(`threads that have seen ${JSON.stringify(state.threads)}`, { cause: error })
  } finally {
    globalThis.Atomics = REAL
  }
  return {
    memory: bytes.slice(),
    threads: state.threads.map((each, other) =>
      other === index
        ? { log, observed, read, asleep: sleepers[index], ended, place }
        : { ...each, asleep: sleepers[other] },
    ),
  }
}

function steppedAtomics(
  operation: (act: () => number) => number,
  sleepers: (number | undefined)[],
  index: number,
): typeof Atomics {
  const atomics = {
    load: (cells: Int32Array, cell: number) => operation(() => cells[cell]!),
    store: (cells: Int32Array, cell: number, value: number) => operation(() => (cells[cell] = value)),
    compareExchange: (cells: Int32Array, cell: number, expected: number, value: number) =>
      operation(() => {
        const was = cells[cell]!
        if (was === expected) cells[cell] = value
        return was
      }),
    notify: (_cells: Int32Array, cell: number) =>
      operation(() => {
        const woken = sleepers.flatMap((place, thread) => (place === cell ? [thread] : []))
        for (const thread of woken) sleepers[thread] = undefined
        return woken.length
      }),
    // Looking and falling asleep are one step, as they are in a futex.
    wait: (cells: Int32Array, cell: number, value: number) =>
      operation(() => {
        if (cells[cell] === value) sleepers[index] = cell
        return 0
      }),
  }
  return atomics as unknown as typeof Atomics
}
