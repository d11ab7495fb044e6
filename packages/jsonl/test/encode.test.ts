import { isCatzillaError } from '@catzilla/streaming'
import { describe, expect, test } from 'vitest'
import { framing } from '../src/frames.ts'
import type { UndefinedRows } from '../src/options.ts'
import { JsonRows } from '../src/rows.ts'
import { stringifier } from '../src/serialize.ts'
import { randomValue, seeded } from './random.ts'

/** The lines of rows at hand, which must be those of rows one by one. */
function write(
  rows: readonly unknown[],
  undefinedRows: UndefinedRows = 'throw',
  serialize?: (row: unknown) => string | undefined,
): string {
  const rules = { bigint: 'throw', date: 'iso', escape: 'none' } as const
  const stringify = stringifier(rules)
  const make = () =>
    new JsonRows({
      framing: framing('ndjson', { stringify, envelope: {}, endMarker: false }),
      rules,
      stringify,
      serialize,
      undefinedRows,
      failure: 'abort',
    })
  const single = make()
  const text = rows.map((row) => single.encode(row)).join('')
  const batch = make()
  for (const row of rows) batch.add(row)
  expect(Buffer.from(batch.takeBatch() as string).toString()).toBe(Buffer.from(text).toString())
  return text
}

function failure(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (isCatzillaError(error)) return `${error.code}: ${error.message}`
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('lines', () => {
  test.each<[value: unknown, line: string]>([
    [{ a: 1, b: [null, 'x'] }, '{"a":1,"b":[null,"x"]}'],
    [[], '[]'],
    [{}, '{}'],
    ['', '""'],
    ['a\nb\r\u2028', '"a\\nb\\r\u2028"'],
    [0, '0'],
    [null, 'null'],
    [false, 'false'],
    [Number.NaN, 'null'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ a: undefined, b: () => 1 }, '{}'],
    [{ toJSON: () => ({}) }, '{}'],
    [Object.create(null), '{}'],
    ['\ud800', '"\\ud800"'],
  ])('%j', (value, line) => {
    expect(write([value])).toBe(`${line}\n`)
  })

  test('any values come back, one from each line', () => {
    const random = seeded(31)
    for (let round = 0; round < 300; round++) {
      const rows = Array.from({ length: 1 + random(5) }, () => randomValue(random, 3))
      const text = write(rows)
      expect(text.endsWith('\n')).toBe(true)
      const lines = text.slice(0, -1).split(/[\r\n]/)
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows)
    }
  })
})

describe('a row that has no JSON', () => {
  const rows = [1, undefined, () => 1, Symbol('s'), { toJSON: () => undefined }, 2]

  test('is an error that names it', () => {
    expect(failure(() => write([1, undefined]))).toBe(
      "CZ_JSONL_UNDEFINED: Row 2 has no JSON (undefined); filter such rows, or set undefinedRows to 'skip' or 'null'",
    )
    expect(failure(() => write([rowFunction]))).toContain('Row 1 has no JSON (the function "rowFunction")')
    expect(failure(() => write([Symbol('s')]))).toContain('Row 1 has no JSON (Symbol(s))')
  })

  test('is left out on request', () => {
    expect(write(rows, 'skip')).toBe('1\n2\n')
  })

  test('is null on request', () => {
    expect(write(rows, 'null')).toBe('1\nnull\nnull\nnull\nnull\n2\n')
  })
})

function rowFunction(): void {}

describe('what JSON.stringify cannot write', () => {
  test('a BigInt is named with its place and the cure', () => {
    expect(failure(() => write([1, { items: [{ id: 1 }, { id: 2n }] }]))).toBe(
      'CZ_JSONL_BIGINT: Row 2 has a BigInt at row.items[1].id, which JSON has no form for; ' +
        "set bigint to 'string' or 'number', or convert it first",
    )
    expect(failure(() => write([5n]))).toContain('Row 1 has a BigInt at row,')
    expect(failure(() => write([{ 'a b': { toJSON: () => [1n] } }]))).toContain('at row["a b"][0],')
  })

  test('a circle is named with its place, and has its cause', () => {
    const row: { name: string; shared: object[]; parent?: unknown } = { name: 'x', shared: [{}, {}] }
    row.shared[1] = row.shared[0]!
    expect(write([row])).toBe('{"name":"x","shared":[{},{}]}\n')
    row.parent = { child: row }
    expect(failure(() => write([row]))).toBe(
      'CZ_JSONL_CIRCULAR: Row 1 contains itself at row.parent.child; pick the fields to send',
    )
    expect(() => write([row])).toThrow(expect.objectContaining({ cause: expect.any(TypeError) }))
  })

  test('an error of toJSON() is the cause', () => {
    const cause = new Error('closed')
    const row = {
      toJSON() {
        throw cause
      },
    }
    expect(() => write([1, row])).toThrow(
      expect.objectContaining({ code: 'CZ_JSONL_SERIALIZE', message: 'Row 2 could not be serialized: closed', cause }),
    )
  })

  test.each<[what: string, row: unknown, message: string]>([
    ['bytes', new Uint8Array(2), 'CZ_JSONL_ROW: Row 1 is bytes; decode them first'],
    ['a buffer', Buffer.from('x'), 'CZ_JSONL_ROW: Row 1 is bytes'],
    [
      'a Map',
      new Map([[1, 2]]),
      'CZ_JSONL_ROW: Row 1 is a Map, which JSON.stringify writes as {}; make an array or object',
    ],
    ['a Map in a row', { a: [{}, new Map()] }, 'CZ_JSONL_ROW: Row 1 has at row.a[1] a Map, which JSON.stringify'],
    ['bytes in a row', { a: {}, b: new ArrayBuffer(1) }, 'CZ_JSONL_ROW: Row 1 has at row.b bytes'],
    ['an error', new RangeError('x'), 'CZ_JSONL_ROW: Row 1 is an Error, which JSON.stringify writes as {}; throw it'],
  ])('%s would be written as something else', (_what, row, message) => {
    expect(failure(() => write([row]))).toContain(message)
  })
})

describe('a serializer of the caller', () => {
  test('makes the text of a row', () => {
    expect(write([1, 2], 'throw', (row) => `{"n":${String(row)}}`)).toBe('{"n":1}\n{"n":2}\n')
  })

  test.each(['{\n}', '{\r}', '{}\r\n'])('may not give a line end: %j', (text) => {
    expect(failure(() => write([{}], 'throw', () => text))).toBe(
      `CZ_JSONL_NEWLINE: serialize() gave row 1 a line end (${JSON.stringify(text)}), which would make two lines of it; ` +
        'serialize without indentation',
    )
  })

  test('may give undefined for a row without JSON', () => {
    expect(write([1, 2], 'skip', (row) => (row === 1 ? undefined : '2'))).toBe('2\n')
    expect(failure(() => write([1], 'throw', () => undefined))).toContain('CZ_JSONL_UNDEFINED: Row 1')
  })

  test('must give text', () => {
    expect(failure(() => write([1], 'throw', () => ''))).toContain(
      'must give the JSON of row 1 (got "" of type string)',
    )
    expect(failure(() => write([1], 'throw', () => ({}) as never))).toContain('CZ_JSONL_SERIALIZE')
  })

  test('has its error as the cause', () => {
    const cause = new Error('no')
    const failing = () => {
      throw cause
    }
    expect(() => write([1], 'throw', failing)).toThrow(expect.objectContaining({ code: 'CZ_JSONL_SERIALIZE', cause }))
  })
})
