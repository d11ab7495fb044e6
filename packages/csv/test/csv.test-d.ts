import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { csv } from '../src/index.ts'

interface User {
  readonly id: number
  readonly name: string | null
}

test('rows of objects and arrays are taken in every form', () => {
  expectTypeOf(csv(users())).toEqualTypeOf<StreamingResponse<unknown>>()
  csv([{ a: 1 }, { a: 2 }])
  csv([['a', 1] as const])
  csv(usersAsync())
  csv(() => users())
  csv(async function* () {
    yield [1, 'a']
  })
  csv(function* () {
    yield { a: 1 }
  })
  csv(new ReadableStream<User>())
  csv(unknownRows())
  csv(looseRows(), { columns: ['any', { key: 'thing', header: 'Thing' }] })
})

test('columns are keys of the rows', () => {
  csv(users(), { columns: ['name', { key: 'id', header: 'No.' }] })
  // @ts-expect-error: no key of a user
  csv(users(), { columns: ['nmae'] })
  // @ts-expect-error: no key of a user
  csv(users(), { columns: [{ key: 'nmae', header: 'Name' }] })
  csv([[1, 2]], { columns: ['any', 'text'] })
  csv(unknownRows(), { columns: ['any'] })
})

test('what is no row does not compile', () => {
  // @ts-expect-error: text is no row
  csv(['a', 'b'])
  // @ts-expect-error: a number is no row
  csv(numbers())
  // @ts-expect-error: misspelt
  csv([], { delimeter: ';' })
})

declare function users(): IterableIterator<User>
declare function usersAsync(): AsyncGenerator<User>
declare function numbers(): Generator<number>
declare function unknownRows(): IterableIterator<unknown>
declare function looseRows(): Iterable<Record<string, unknown>>
