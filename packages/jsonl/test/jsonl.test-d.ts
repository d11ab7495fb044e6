import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { jsonl, readJsonl } from '../src/index.ts'

interface User {
  readonly id: number
}

test('rows are taken in every form', () => {
  expectTypeOf(jsonl(users())).toEqualTypeOf<StreamingResponse<unknown>>()
  jsonl(usersAsync())
  jsonl([1, 'a', null, { a: [] }])
  jsonl(() => users())
  jsonl(async function* () {
    yield { a: 1 }
  })
  jsonl(new ReadableStream<User>())
})

test('serialize gets rows of the source', () => {
  jsonl(users(), {
    serialize: (row) => {
      expectTypeOf(row).toEqualTypeOf<User>()
      return String(row.id)
    },
  })
  jsonl(usersAsync(), { serialize: JSON.stringify })
  // @ts-expect-error: not text
  jsonl(users(), { serialize: (row) => row.id })
  // @ts-expect-error: misspelt
  jsonl(users(), { serialise: JSON.stringify })
})

declare function users(): IterableIterator<User>
declare function usersAsync(): AsyncGenerator<User>

test('frames and rules are known words', () => {
  jsonl(users(), {
    frame: ['ndjson', 'array'],
    bigint: 'string',
    date: 'milliseconds',
    escape: 'html',
    failure: 'tell',
  })
  jsonl(users(), { frame: 'envelope', envelope: { head: { a: 1 }, tail: ({ rows }) => ({ rows }) } })
  // @ts-expect-error: no frame
  jsonl(users(), { frame: 'lines' })
  // @ts-expect-error: a tail is an object
  jsonl(users(), { envelope: { tail: () => 1 } })
})

test('a reader gives rows of the type that is asked for', async () => {
  expectTypeOf(readJsonl<User>(new Response())).toEqualTypeOf<AsyncGenerator<User, void, undefined>>()
  for await (const row of readJsonl(['1'])) expectTypeOf(row).toEqualTypeOf<unknown>()
  // @ts-expect-error: nothing to read
  readJsonl(5)
})
