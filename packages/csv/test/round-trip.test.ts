import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bodyOf } from '@catzilla/testkit'
import { parse as parseStream } from 'csv-parse'
import { parse as csvParse } from 'csv-parse/sync'
import * as fc from 'fast-check'
import Papa from 'papaparse'
import { describe, expect, test } from 'vitest'
import { csv, encodeCsv } from '../src/index.ts'
import { isFormula } from '../src/formula.ts'
import type { CsvFormatOptions } from '../src/options.ts'
import { randomTable, randomText, seeded } from './random.ts'

const require = createRequire(import.meta.url)

type Dialect = Pick<CsvFormatOptions, 'delimiter' | 'quote' | 'eol' | 'bom'>

const DIALECTS: Dialect[] = [
  {},
  { eol: '\n' },
  { eol: '\r' },
  { delimiter: ';', bom: true },
  { delimiter: '\t', quote: "'" },
  { delimiter: '|', eol: '\n' },
  { delimiter: ' ' },
  { delimiter: '-', quote: '+' },
]

function write(rows: readonly (readonly unknown[])[], options: CsvFormatOptions): string {
  return encodeCsv(rows, options)
}

/** The collection as it lies in its package: names, rows, files. */
const SPECTRUM = spectrum()

function spectrum(): [name: string, { rows: Record<string, string>[]; file: string }][] {
  const folder = dirname(require.resolve('csv-spectrum'))
  return readdirSync(join(folder, 'json')).map((json) => {
    const name = json.replace('.json', '')
    const rows = [JSON.parse(readFileSync(join(folder, 'json', json), 'utf8')) as Record<string, string>[]].flat()
    return [name, { rows, file: readFileSync(join(folder, 'csvs', `${name}.csv`), 'utf8') }]
  })
}

const READERS: Record<string, (file: string, dialect: Dialect) => string[][]> = {
  'csv-parse': (file, { delimiter = ',', quote = '"', eol = '\r\n' }) =>
    csvParse(file, { delimiter, quote, escape: quote, record_delimiter: eol, bom: true }),
  papaparse(file, { delimiter = ',', quote = '"', eol = '\r\n' }) {
    // It takes a line end at the end of the file for one more record.
    const records = file.slice(0, -eol.length)
    const { data, errors } = Papa.parse<string[]>(records, { delimiter, quoteChar: quote, newline: eol })
    expect(errors).toEqual([])
    return data
  },
}

describe.each(Object.entries(READERS))('%s reads what was written', (_name, read) => {
  test.each(DIALECTS)('any text, in the dialect %j', (dialect) => {
    const random = seeded(21)
    for (let round = 0; round < 400; round++) {
      const rows = randomTable(random)
      expect(read(write(rows, { ...dialect, formulas: 'off' }), dialect)).toEqual(rows)
    }
  })

  test('any text, apart from the apostrophe before formulas', () => {
    const random = seeded(22)
    let guarded = 0
    for (let round = 0; round < 400; round++) {
      const rows = randomTable(random)
      const expected = rows.map((row) => row.map((text) => (isFormula(text) ? `'${text}` : text)))
      guarded += expected.flat().filter((text, at) => text !== rows.flat()[at]).length
      expect(read(write(rows, {}), {})).toEqual(expected)
    }
    expect(guarded).toBeGreaterThan(100)
  })

  test('values as the text they stand for', () => {
    const rows = [
      ['text', 1.5, -1, true, false, null, undefined, 10n ** 20n],
      ['', 0, 1e-7, '"', 'a,b', new Date(0), '\n', "'"],
    ]
    expect(read(write(rows, { formulas: 'off' }), {})).toEqual([
      ['text', '1.5', '-1', 'true', 'false', '', '', '100000000000000000000'],
      ['', '0', '1e-7', '"', 'a,b', '1970-01-01T00:00:00.000Z', '\n', "'"],
    ])
  })

  // https://github.com/maxogden/csv-spectrum: the tables as JSON, and as files.
  test.each(SPECTRUM)('csv-spectrum: %s', (name, { rows, file }) => {
    const eol = file.includes('\r\n') ? '\r\n' : '\n'
    for (const each of [eol, '\n', '\r\n'] as const) {
      const written = encodeCsv(rows, { eol: each, formulas: 'off' })
      const [header, ...records] = read(written, { eol: each })
      expect(records.map((record) => Object.fromEntries(record.map((text, at) => [header![at], text])))).toEqual(rows)
    }
    // The files have quotes that are not needed, and no end of the last line: read, they must say the same.
    if (name === 'location_coordinates') return // Its file holds another telephone number, and quotes without quotes.
    const expected = read(`${file.trimEnd()}${eol}`, { eol })
    expect(read(encodeCsv(rows, { eol, formulas: 'off' }), { eol })).toEqual(expected)
  })

  test('any table of any text (fast-check)', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({
        unit: fc.constantFrom('\r', '\n', '"', ',', ' ', '\t', '\uFEFF', '=', 'ID', 'x', "'", '\u2028'),
        maxLength: 6,
      }),
    )
    const table = fc
      .integer({ min: 1, max: 5 })
      .chain((width) =>
        fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
      )
    fc.assert(
      fc.property(table, fc.constantFrom(...DIALECTS), (rows, dialect) => {
        expect(read(encodeCsv(rows, { ...dialect, formulas: 'off' }), dialect)).toEqual(rows)
        expect(read(encodeCsv(rows, { ...dialect, formulas: 'off', quoting: 'all' }), dialect)).toEqual(rows)
      }),
      { numRuns: 500 },
    )
  })

  test.each(['flights-200k.json', 'movies.json'])('the table %s of vega-datasets', async (name) => {
    const rows = await vegaTable(name)
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    const body = await bodyOf(csv(rows, { formulas: 'off', columns }))
    const [header, ...records] = read(body, {})
    expect(header).toEqual(columns)
    expect(records.length).toBe(rows.length)
    const same = records.every((record, at) =>
      record.every((text, i) => text === String((rows[at]![columns[i]!] as string | number | null | undefined) ?? '')),
    )
    expect(same).toBe(true)
  })
})

async function vegaTable(name: string): Promise<Record<string, unknown>[]> {
  const main = require.resolve('vega-datasets')
  return JSON.parse(await readFile(join(dirname(main), '../data', name), 'utf8')) as Record<string, unknown>[]
}

/** Cuts at any byte: characters, quotes and line ends come apart. */
test('read in random chunks, the body says the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 1, max: 7 })), async (sizes) => {
      const random = seeded(23)
      const rows = Array.from({ length: 20 }, () => [0, 1, 2].map(() => randomText(random)))
      const bytes = Buffer.from(await bodyOf(csv(rows, { formulas: 'off' })))
      const parser = parseStream({ record_delimiter: '\r\n' })
      const read: unknown[] = []
      parser.on('data', (record: unknown) => read.push(record))
      for (let at = 0, size = 0; at < bytes.length; at += size) {
        size = sizes.next().value as number
        parser.write(bytes.subarray(at, at + size))
      }
      parser.end()
      await once(parser, 'end')
      expect(read).toEqual(rows)
    }),
    { numRuns: 20 },
  )
})
