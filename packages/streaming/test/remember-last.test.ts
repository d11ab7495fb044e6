import { expect, test, vi } from 'vitest'
import { rememberLast } from '@catzilla/streaming/format'

interface Options {
  a?: number | undefined
  b?: unknown
}

function counted() {
  const compute = vi.fn<(options: Options) => object>(() => ({}))
  return { compute, get: rememberLast(compute) }
}

test('the same values give the same result, whatever object holds them', () => {
  const { compute, get } = counted()
  const b = () => {}
  expect(get({ a: 1, b })).toBe(get({ b, a: 1 }))
  expect(compute).toHaveBeenCalledTimes(1)
})

test.each<[Options, Options]>([
  [{ a: 1 }, { a: 2 }],
  [{ a: 1 }, {}],
  [{}, { a: 1 }],
  [{ a: 1 }, { a: 1, b: 2 }],
  [{ a: 1, b: 2 }, { a: 1 }],
  [{ a: undefined }, { b: undefined }],
  [{ b: {} }, { b: {} }],
])('%o is not %o', (one, other) => {
  const { get } = counted()
  expect(get(one)).not.toBe(get(other))
})

test('an object that may have changed is looked at again, a frozen one is not', () => {
  const { get } = counted()
  const headers = { x: 1 }
  expect(get({ b: headers })).not.toBe(get({ b: headers }))
  const frozen = Object.freeze({ x: 1 })
  expect(get({ b: frozen })).toBe(get({ b: frozen }))
})

test('changing the options afterwards changes nothing', () => {
  const { get } = counted()
  const options: Options = { a: 1 }
  const result = get(options)
  options.a = 2
  expect(get({ a: 1 })).toBe(result)
  expect(get(options)).not.toBe(result)
})

test('a few are kept, the oldest goes first', () => {
  const { compute, get } = counted()
  for (const a of [1, 2, 3, 4, 1, 2, 3, 4]) get({ a })
  expect(compute).toHaveBeenCalledTimes(4)
  get({ a: 5 })
  get({ a: 1 })
  expect(compute).toHaveBeenCalledTimes(6)
})
