import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bodyOf } from '@catzilla/testkit'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csv, csvTransformStream, encodeCsv } from '../src/index.ts'
import { csvTransform } from '../src/node.ts'
import type { CsvFormatOptions } from '../src/options.ts'

// Bytes are written by another way than text: whatever goes in, both must say the same.

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    ' a',
    '=1',
    '-1.5',
    'ID',
    '\uFEFFx',
    'a,b',
    'a"b',
    'a\nb',
    'ü',
    'NULL',
    'x'.repeat(100),
    ',ü'.repeat(50),
    '\ud800',
    'x\udc00',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.integer({ min: -(10 ** 7), max: 10 ** 7 }).map((cents) => cents / 100),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.bigInt(),
  fc.constantFrom(null, undefined, new Date(0), { a: [1, 'ü'] }),
)
const table = fc
  .integer({ min: 1, max: 6 })
  .chain((width) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }))

const options = fc.constantFrom<CsvFormatOptions>(
  {},
  { formulas: 'off' },
  { eol: '\n', nullText: 'NULL' },
  { delimiter: ';', quote: "'" },
  { delimiter: '||', header: false },
  { delimiter: '→' },
  { delimiter: '-', bom: true },
  { quoting: 'all' },
  { quoting: 'strings' },
  { profile: 'excel', locale: 'de' },
  { profile: 'postgres' },
  { casts: { boolean: (flag) => (flag ? 1 : 0), number: (number) => number.toFixed(2) } },
)

describe('every way out says the same', () => {
  test('array rows, object rows, keys in another order, computed columns', () => {
    fc.assert(
      fc.property(table, options, fc.integer({ min: 0, max: 3 }), (rows, format, form) => {
        const { rows: formed, format: full } = shaped(rows, format, form)
        const bytes = Buffer.concat(collect(formed, full)).toString('utf8')
        expect(bytes).toBe(Buffer.from(encodeCsv(formed, full)).toString('utf8'))
      }),
      { numRuns: 400 },
    )
  })

  test('the response, from rows at hand and from rows one by one', async () => {
    await fc.assert(
      fc.asyncProperty(table, options, fc.integer({ min: 0, max: 3 }), async (rows, format, form) => {
        const { rows: formed, format: full } = shaped(rows, format, form)
        const expected = Buffer.from(encodeCsv(formed, full)).toString('utf8')
        async function* oneByOne() {
          for (const row of formed) yield await Promise.resolve(row)
        }
        expect(await bodyOf(csv(formed, full))).toBe(expected)
        expect(await bodyOf(csv(oneByOne, full))).toBe(expected)
        const mixed = formed.map((row, at) => (at % 3 === 1 ? Promise.resolve(row) : row))
        expect(await bodyOf(csv(mixed, full))).toBe(expected)
      }),
      { numRuns: 60 },
    )
  })
})

function shaped(
  rows: unknown[][],
  format: CsvFormatOptions,
  form: number,
): { rows: object[]; format: CsvFormatOptions } {
  const keys = rows[0]!.map((_, at) => `k${at}`)
  const objects = rows.map((row) => Object.fromEntries(row.map((each, at) => [keys[at], each])))
  if (form === 0) return { rows, format }
  if (form === 1) return { rows: objects, format }
  if (form === 2) return { rows: objects, format: { ...format, columns: keys.toReversed() } }
  return {
    rows: objects,
    format: { ...format, columns: [{ header: 'h', value: (row) => (row as { k0: unknown }).k0 }] },
  }
}

/** What `csvTransform()` gives. */
function collect(rows: readonly object[], format: CsvFormatOptions): Buffer[] {
  const chunks: Buffer[] = []
  const transform = csvTransform(format)
  transform.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (const row of rows) transform._transform(row, 'utf8', (error) => error && raise(error))
  transform._flush((error) => error && raise(error))
  for (let chunk; (chunk = transform.read() as Buffer | null) !== null;) chunks.push(chunk)
  transform.destroy()
  return chunks
}

function raise(error: unknown): never {
  throw error
}

describe('transforms', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => ({ id: i, name: `n "${i}"` }))

  test('of Node, in a pipeline', async () => {
    const chunks: Buffer[] = []
    await pipeline(Readable.from(rows), csvTransform(), async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) chunks.push(chunk)
    })
    expect(Buffer.concat(chunks).toString()).toBe(encodeCsv(rows))
    expect(chunks.length).toBeGreaterThan(3)
    expect(chunks.length).toBeLessThan(20)
  })

  test('of the web', async () => {
    const body = ReadableStream.from(rows).pipeThrough(csvTransformStream({ profile: 'tsv' }))
    expect(await new Response(body).text()).toBe(encodeCsv(rows, { profile: 'tsv' }))
  })

  test('hand on what there is when the source pauses', async () => {
    const { readable, writable } = csvTransformStream()
    const writer = writable.getWriter()
    void writer.write({ a: 1 })
    const reader = readable.getReader()
    const { value } = await reader.read()
    expect(Buffer.from(value!).toString()).toBe('a\r\n1\r\n')
    await Promise.all([writer.close(), reader.read()])
  })

  test('fail with the error of the row', async () => {
    const bad = [{ a: 1 }, { a: Number.NaN }]
    const failure = expect.objectContaining({ code: 'CZ_CSV_VALUE' })
    await expect(pipeline(Readable.from(bad), csvTransform(), drain)).rejects.toEqual(failure)
    const body = ReadableStream.from(bad).pipeThrough(csvTransformStream())
    await expect(new Response(body).text()).rejects.toEqual(failure)
  })

  test('write the header of known columns for no rows', async () => {
    const body = ReadableStream.from<object>([]).pipeThrough(csvTransformStream({ columns: ['a'] }))
    expect(await new Response(body).text()).toBe('a\r\n')
  })
})

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const chunk of source) void chunk
}
