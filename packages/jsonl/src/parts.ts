import { kindOf, lostError, type Streamed } from './lost.ts'
import { mayHaveLost, type Stringify } from './serialize.ts'

/** Text in parts; `return()` ends them at once. */
export interface Parts {
  next(): Promise<IteratorResult<string, unknown>>
  return(): unknown
}

type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>

interface Context {
  readonly stringify: Stringify
  /** Number of the row; for errors. */
  readonly number: number
  /** What is being read now: who breaks off must not wait until it has something to say. */
  readonly open: AnyIterator[]
}

/**
 * JSON of a row in parts, where a value in it comes bit by bit: generators, (async) iterables and streams become arrays,
 * promises what they give. A part is handed over as soon as it is known.
 *
 * @param behind what follows the row.
 */
export function rowInParts(row: unknown, behind: string, stringify: Stringify, number: number): Parts {
  const open: AnyIterator[] = []
  async function* whole() {
    yield* write(row, { stringify, number, open })
    yield behind
  }
  const parts = whole()
  return {
    next: () => parts.next(),
    return() {
      void parts.return()
      return Promise.all(open.toReversed().map(async (each) => await each.return?.()))
    },
  }
}

async function* write(value: unknown, context: Context): AsyncGenerator<string, void> {
  const kind = kindOf(value)
  if (kind === 'promise') yield* write(await value, context)
  else if (kind === 'stream') yield* writeItems(value as Streamed, context)
  else if (kind === undefined) yield* writeJson(value, context)
  else throw lostError(value as object, `Row ${context.number} has in it`)
}

async function* writeJson(value: unknown, context: Context): AsyncGenerator<string, void> {
  const text = context.stringify(value)
  if (text === undefined)
    yield 'null' // As in arrays; members of objects were left out before.
  else if (typeof value !== 'object' || value === null || 'toJSON' in value || !mayHaveLost(text, value)) yield text
  else if (Array.isArray(value)) yield* writeItems(value, context)
  else yield* writeMembers(value, context)
}

async function* writeMembers(object: object, context: Context): AsyncGenerator<string, void> {
  let separator = '{'
  for (const [key, each] of Object.entries(object)) {
    const member: unknown = await each // A promise, or the value itself.
    if (member === undefined || typeof member === 'function' || typeof member === 'symbol') continue
    yield `${separator}${context.stringify(key)!}:`
    yield* write(member, context)
    separator = ','
  }
  yield separator === '{' ? '{}' : '}'
}

async function* writeItems(source: Streamed, context: Context): AsyncGenerator<string, void> {
  const iterator = (
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  ) as AnyIterator
  context.open.push(iterator)
  yield '['
  let separator = ''
  for (;;) {
    const { done, value } = await iterator.next()
    if (done === true) break
    if (separator !== '') yield separator
    yield* write(await value, context)
    separator = ','
  }
  context.open.pop()
  yield ']'
}
