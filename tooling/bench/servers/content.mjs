// What every contestant serves. One module, so that no contestant can have a cheaper generator than another.
import { setImmediate } from 'node:timers'

export const HELLO = 'Hello, World!'

/** A stream of one small chunk. */
export function* first() {
  yield 'first\n'
}

const ITEMS = 1_000_000

/** One million items of about twelve bytes, one `yield` each. */
export function* items() {
  for (let i = 0; i < ITEMS; i++) yield `Data ${i}\n`
}

/** The same from an async generator. */
export async function* itemsAsync() {
  for (let i = 0; i < ITEMS; i++) yield `Data ${i}\n`
}

/**
 * The same, written one by one, with a wait for each.
 * @param {(item: string) => Promise<unknown>} write
 */
export async function writeItems(write) {
  for (let i = 0; i < ITEMS; i++) await write(`Data ${i}\n`)
}

/**
 * The same without a wait.
 * @param {(item: string) => unknown} write
 */
export function writeItemsAhead(write) {
  for (let i = 0; i < ITEMS; i++) write(`Data ${i}\n`)
}

/** Computes for 10 ms before each item, as long as somebody reads. */
export function* busy() {
  while (true) {
    const until = performance.now() + 10
    while (performance.now() < until);
    yield LINE
  }
}

const BUFFER = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i * 31 + (i >> 8))

/** Half a GiB: the same buffer again and again. */
export function* buffers() {
  for (let i = 0; i < 8192; i++) yield BUFFER
}

export const LINE = 'An endless stream says this again and again.\n'

/** A stream whose reader stops reading. */
export function* endless() {
  while (true) yield LINE
}

/** The head of an event stream, as our `sse()` has it. */
export const EVENT_STREAM = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}
/** What an event stream begins with. */
export const RETRY = 'retry: 2000\n\n'
/** What it says when there is nothing to say. */
export const HEARTBEAT = ':\n\n'
export const HEARTBEAT_MS = 2000

/** @type {Promise<string>} */
const never = new Promise(() => {})

/** Waits for events that never come: an idle event stream. */
export function* quiet() {
  while (true) yield never
}

/** The same, async. */
export async function* quietAsync() {
  while (true) yield await never
}

/** The same without any state: one source for all streams. */
export const quietForAll = {
  [Symbol.asyncIterator]: () => ({ next: () => never }),
}

export const CAT = { name: 'Mimi', lives: 9 }

/**
 * A small event as text.
 * @param {string} id
 */
export function eventOf(id) {
  return `id: ${id}\ndata: ${JSON.stringify(CAT)}\n\n`
}

/**
 * Publishes as a path asks for: `/publish/burst/FIRST/COUNT` all at once, `/publish/turns/FIRST/COUNT` one in each turn of the loop.
 * @param {string} path
 * @param {(id: string) => unknown} publish
 */
export async function publishAll(path, publish) {
  const [, , how, first, count] = path.split('/')
  for (let i = 0; i < Number(count); i++) {
    publish(String(Number(first) + i).padStart(8, '0'))
    if (how === 'turns') await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The file to be sent. */
export const FILE = process.env['FILE'] ?? ''
