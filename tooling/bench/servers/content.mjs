// What every contestant serves. One module, so that no contestant can have a cheaper generator than another.

export const HELLO = 'Hello, World!'

/** A stream of one small chunk. */
export function* first() {
  yield 'first\n'
}

/** One million items of about twelve bytes, one `yield` each. */
export function* items() {
  for (let i = 0; i < 1_000_000; i++) yield `Data ${i}\n`
}
