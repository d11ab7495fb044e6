import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { csv, csvTransformStream, encodeCsv } from '../src/index.ts'

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

test('columns may be a map, formatted, or computed, and know the type of what they get', () => {
  csv(users(), { columns: { name: 'Name', id: 'No.' } })
  // @ts-expect-error: no key of a user
  csv(users(), { columns: { nmae: 'Name' } })
  csv(users(), {
    columns: [
      {
        key: 'name',
        format: (name, row) => {
          expectTypeOf(name).toEqualTypeOf<string | null>()
          expectTypeOf(row).toEqualTypeOf<User>()
          return name
        },
      },
      {
        header: 'Initial',
        value: (row) => {
          expectTypeOf(row).toEqualTypeOf<User>()
          return row.name?.[0]
        },
      },
    ],
  })
  expectTypeOf(encodeCsv(users())).toEqualTypeOf<string>()
  // @ts-expect-error: an option of a response
  encodeCsv(users(), { filename: 'a.csv' })
  expectTypeOf(csvTransformStream<User>({ columns: ['id'] })).toEqualTypeOf<TransformStream<User, Uint8Array>>()
})

test('casts get their type', () => {
  csv(users(), { casts: { boolean: (flag) => (flag ? 1 : 0), date: (date) => date.getTime(), number: () => null } })
  // @ts-expect-error: a cast gives text or what needs none
  csv(users(), { casts: { number: () => ({}) } })
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
