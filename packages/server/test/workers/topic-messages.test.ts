import { expect, test } from 'vitest'
import { pack, packReason, unpack, unpackReason } from '../../src/workers/topic-messages.ts'

class Price {
  constructor(readonly value: number) {}
}

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic

const ITEMS: Record<string, unknown> = {
  text: 'text',
  'a number': 1.5,
  'a bigint': 12n,
  null: null,
  undefined: undefined,
  'an object': { symbol: 'ABC', price: 1, deep: { list: [1, 'two', null, undefined] } },
  'an array': [1, [2, [3]]],
  bytes: new Uint8Array([1, 2, 3]),
  'a date': new Date(0),
  'a map': new Map([['a', { b: 1 }]]),
  'a cycle': cyclic,
  'a key that is __proto__': JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
}

for (const [what, item] of Object.entries(ITEMS)) {
  test(`${what} crosses threads as it is, with its key`, () => {
    const sent = structuredClone(pack(item, 'key')) // As a message is.
    expect(unpack(sent)).toEqual({ item, key: 'key' })
    expect(unpack(structuredClone(pack(item))).item).toEqual(item)
  })
}

test('plain data is left to the clone of the batch', () => {
  expect(pack({ a: 1 })[0]).toBe('item')
  expect(pack(new Price(1))[0]).toBe('packed')
  expect(unpack(pack(new Price(1))).item).toEqual({ value: 1 })
})

test('what is changed after it was published has been sent as it was', () => {
  const item = { list: [1], name: 'before' }
  const parcel = pack(item)
  item.list.push(2)
  item.name = 'after'
  expect(unpack(parcel).item).toEqual({ list: [1], name: 'before' })
})

test('the size of what is kept counts its text and its bytes', () => {
  expect(pack('x'.repeat(1000))[1]).toBeGreaterThanOrEqual(1000)
  expect(pack({ text: 'x'.repeat(1000) })[1]).toBeGreaterThanOrEqual(1000)
  expect(pack(new Uint8Array(1000))[1]).toBeGreaterThanOrEqual(1000)
})

test.each([() => {}, { nested: Symbol('a') }, [Promise.resolve()]])('what cannot be copied is refused: %s', (item) => {
  expect(() => pack(item)).toThrow(expect.objectContaining({ code: 'CZ_WORKER_ITEM' }))
})

test('a reason keeps its message, also when it cannot be copied', () => {
  expect(unpackReason(packReason(new RangeError('too far')))).toEqual(new RangeError('too far'))
  const reason = unpackReason(packReason(Object.assign(new Error('broken'), { socket: () => {} })))
  expect((reason as Error).message).toContain('broken')
})
