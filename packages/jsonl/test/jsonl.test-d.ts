import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { jsonl } from '../src/index.ts'

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
