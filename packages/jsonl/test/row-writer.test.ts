import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bodyOf } from '@catzilla/testkit'
import * as fc from 'fast-check'
import fastJson from 'fast-json-stringify'
import { describe, expect, test } from 'vitest'
import { jsonl, readJsonl } from '../src/index.ts'

const require = createRequire(import.meta.url)

/** What JSON.stringify makes of rows is what is to come out, to the byte. */
async function same(rows: readonly unknown[]): Promise<void> {
  const expected = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  expect(await bodyOf(jsonl(rows))).toBe(Buffer.from(expected).toString())
}

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
  get sum(): number {
    return this.x + this.y
  }
}

class Money {
  constructor(readonly amount: number) {}
  toJSON(key: string): unknown {
    return key === '' ? this.amount : { [key]: this.amount }
  }
}

describe('rows of one shape are what JSON.stringify makes of them', () => {
  test.each<[what: string, rows: unknown[]]>([
    ['numbers', [{ a: 1, b: -0, c: 1.5, d: 1e21, e: Number.NaN, f: -Infinity, g: 0.1 + 0.2, h: 2 ** 53 }]],
    ['texts', [{ a: '', b: '"\\\b\f\n\r\t\0\x1f\x7f', c: 'ü€\u2028', d: '🎈', e: '\ud800', f: 'x'.repeat(500), g: '\udc00a' }]],
    ['others', [{ a: true, b: false, c: null, d: undefined, e: () => 1, f: Symbol('x') }]],
    ['nothing but what is left out', [{ a: undefined }, { a: undefined }, { a: 1 }]],
    ['the first left out', [{ a: 1, b: 2 }, { a: undefined, b: 2 }, { a: 1, b: undefined }]],
    ['values in values', [{ a: { b: [1, 'ü', null] }, c: [], d: new Date(0), e: [{}], f: {} }]],
    ['boxed values', [{ a: Object(1), b: Object('x'), c: Object(false) }]],
    ['other keys', [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }, {}, { a: 2 }, [1], 'x', null]],
    ['another order', [{ a: 1, b: 2 }, { b: 1, a: 2 }]],
    ['a shape that changes for good', [{ a: 1 }, ...Array.from({ length: 30 }, (_, i) => ({ b: i, c: 'x' }))]],
    ['strange keys', [{ '': 1, '"': 2, 'ü\n': 3, '1': 4, '__proto__x': 5 }, { '': 1, '"': 2, 'ü\n': 3, '1': 4, '__proto__x': 5 }]],
    ['keys whose bytes are no number', [{ '1234567\x7f🎈': 1 }, { '1234567\x7f🎈': 2 }]],
    ['an own __proto__', [JSON.parse('{"__proto__":1,"a":2}'), JSON.parse('{"__proto__":{"b":1},"a":2}')]],
    ['without a prototype', [Object.assign(Object.create(null), { a: 1 }), Object.assign(Object.create(null), { a: 2 })]],
    ['of a class with getters', [new Point(1, 2), new Point(3, 4)]],
    ['of another class with the same keys', [{ x: 1, y: 2 }, new Point(3, 4)]],
    ['with toJSON', [{ amount: 1 }, new Money(2)]],
    ['with a value that has toJSON', [{ price: new Money(2) }, { price: new Money(3) }]],
    ['inherited keys', [{ a: 1 }, Object.create({ a: 1 })]],
    ['inherited keys first', [Object.create({ a: 1 }), { a: 1 }, Object.assign(Object.create({ a: 1 }), { b: 1 })]],
    ['hidden keys', [Object.defineProperty({ a: 1 }, 'b', { value: 2 }), { a: 1 }, { a: 1, [Symbol('s')]: 2 }]],
    ['getters', [{ get a() { return 1 } }]],
    ['proxies', [{ a: 1 }, new Proxy({ a: 1 }, {}), new Proxy({ a: 1 }, { get: (_, key) => (key === 'toJSON' ? () => 5 : 2) })]],
    ['keys of arrays', [{ a: 1 }, Object.assign([1], { a: 1 })]],
  ])('%s', async (_what, rows) => {
    await same(rows)
    await same([...rows, ...rows, ...rows])
  }) // prettier-ignore

  test('any JSON values (fast-check)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 10 }), (rows) => same(rows)),
      { numRuns: 300 },
    )
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.boolean(),
      fc.constant(undefined),
      fc.jsonValue(),
    )
    const shape = fc
      .uniqueArray(fc.string(), { minLength: 1, maxLength: 5 })
      .chain((keys) =>
        fc
          .array(fc.tuple(...keys.map(() => value)), { minLength: 1, maxLength: 10 })
          .map((rows) => rows.map((row) => Object.fromEntries(row.map((each, at) => [keys[at], each])))),
      )
    await fc.assert(
      fc.asyncProperty(shape, (rows) => same(rows)),
      { numRuns: 300 },
    )
  })
})

describe('real rows', () => {
  test.each(['flights-200k.json', 'movies.json', 'barley.json'])('%s of vega-datasets', async (name) => {
    const file = join(dirname(require.resolve('vega-datasets')), '../data', name)
    const rows = JSON.parse(readFileSync(file, 'utf8')) as unknown[]
    const lines = await bodyOf(jsonl(rows))
    const read = []
    for await (const row of readJsonl([lines])) read.push(row)
    expect(read).toEqual(rows)
    expect(JSON.parse(await bodyOf(jsonl(rows, { frame: 'array' })))).toEqual(rows)
  })
})

// https://github.com/nst/JSONTestSuite, test_parsing/y_*: every value that a parser must accept, as a row.
const ACCEPTED = [
  '[[]   ]', '[""]', '[]', '["a"]', '[false]', '[null, 1, "1", {}]', '[null]', '[1\n]', ' [1]', '[1,null,null,null,2]', '[2] ',
  '[123e65]', '[0e+1]', '[0e1]', '[ 4]', '[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]',
  '[20e1]', '[-0]', '[-123]', '[-1]', '[1E22]', '[1E-2]', '[1E+2]', '[123e45]', '[123.456e78]', '[1e-2]', '[1e+2]', '[123]',
  '[123.456789]', '{"asd":"sdf", "dfg":"fgh"}', '{"asd":"sdf"}', '{"a":"b","a":"c"}', '{"a":"b","a":"b"}', '{}', '{"":0}',
  '{"foo\\u0000bar": 42}', '{ "min": -1.0e+28, "max": 1.0e+28 }',
  '{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}], "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}', '{"a":[]}',
  '{"title":"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430" }', '{\n"a": "b"\n}', '["\\u0060\\u012a\\u12AB"]', '["\\uD801\\udc37"]',
  '["\\ud83d\\ude39\\ud83d\\udc8d"]', '["\\"\\\\\\/\\b\\f\\n\\r\\t"]', '["\\\\u0000"]', '["\\""]', '["a/*b*/c/*d//e"]', '["\\\\a"]',
  '["\\\\n"]', '["\\u0012"]', '["\\uFFFF"]', '["asd"]', '[ "asd"]', '["\\uDBFF\\uDFFF"]', '["new\\u00A0line"]', '["􏿿"]', '["￿"]',
  '["\\u0000"]', '["\\u002c"]', '["π"]', '["𛿿"]', '["asd "]', '" "', '["\\uD834\\uDd1e"]', '["\\u0821"]', '["\\u0123"]', '["\u2028"]',
  '["\u2029"]', '["\\u0061\\u30af\\u30EA\\u30b9"]', '["new\\u000Aline"]', '["\x7f"]', '["\\uA66D"]', '["\\u005C"]', '["⍂㈴⍂"]',
  '["\\uDBFF\\uDFFE"]', '["\\uD83F\\uDFFE"]', '["\\u200B"]', '["\\u2064"]', '["\\uFDD0"]', '["\\uFFFE"]', '["\\u0022"]', '["€𝄞"]',
  '["aa\x7f"]', 'false', '42', '-0.1', 'null', '"asd"', 'true', '""', '["a"]\n', '[true]', ' [] ',
] // prettier-ignore

test('every value of JSONTestSuite comes back, as a row and in a row', async () => {
  const values = ACCEPTED.map((text) => JSON.parse(text) as unknown)
  await same(values)
  await same(values.map((value, id) => ({ id, value })))
  for (const frame of ['ndjson', 'json-seq'] as const) {
    const read: unknown[] = []
    for await (const row of readJsonl([await bodyOf(jsonl(values, { frame }))])) read.push(row)
    expect(read).toEqual(values.map((value) => (Object.is(value, -0) ? 0 : JSON.parse(JSON.stringify(value)))))
  }
})

test('a compiled serializer makes the rows, in every frame', async () => {
  const serialize = fastJson({
    type: 'object',
    properties: { id: { type: 'integer' }, name: { type: 'string' }, at: { type: 'string', format: 'date-time' } },
  })
  const rows = Array.from({ length: 100 }, (_, id) => ({ id, name: `n "${id}" ü`, at: new Date(id) }))
  const lines = rows.map((row) => JSON.stringify(row))
  expect(await bodyOf(jsonl(rows, { serialize }))).toBe(`${lines.join('\n')}\n`)
  expect(await bodyOf(jsonl(rows, { serialize, frame: 'array' }))).toBe(`[${lines.join(',\n')}]\n`)
})
