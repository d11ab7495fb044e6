import { parse as csvParse } from 'csv-parse/sync'
import Papa from 'papaparse'
import { describe, expect, test } from 'vitest'
import { CsvEncoder } from '../src/encode.ts'
import { isFormula } from '../src/formula.ts'
import { resolveOptions, type CsvOptions } from '../src/options.ts'
import { randomTable, seeded } from './random.ts'

type Dialect = Pick<CsvOptions, 'delimiter' | 'quote' | 'recordDelimiter' | 'bom'>

const DIALECTS: Dialect[] = [
  {},
  { recordDelimiter: '\n' },
  { recordDelimiter: '\r' },
  { delimiter: ';', bom: true },
  { delimiter: '\t', quote: "'" },
  { delimiter: '|', recordDelimiter: '\n' },
  { delimiter: ' ' },
  { delimiter: '-', quote: '+' },
]

function write(rows: readonly (readonly unknown[])[], options: CsvOptions): string {
  const encoder = new CsvEncoder(resolveOptions(options))
  return rows.map((row) => encoder.encode(row)).join('')
}

const READERS: Record<string, (file: string, dialect: Dialect) => string[][]> = {
  'csv-parse': (file, { delimiter = ',', quote = '"', recordDelimiter = '\r\n' }) =>
    csvParse(file, { delimiter, quote, escape: quote, record_delimiter: recordDelimiter, bom: true }),
  papaparse(file, { delimiter = ',', quote = '"', recordDelimiter = '\r\n' }) {
    // It takes a line end at the end of the file for one more record.
    const records = file.slice(0, -recordDelimiter.length)
    const { data, errors } = Papa.parse<string[]>(records, { delimiter, quoteChar: quote, newline: recordDelimiter })
    expect(errors).toEqual([])
    return data
  },
}

describe.each(Object.entries(READERS))('%s reads what was written', (_name, read) => {
  test.each(DIALECTS)('any text, in the dialect %j', (dialect) => {
    const random = seeded(21)
    for (let round = 0; round < 400; round++) {
      const rows = randomTable(random)
      expect(read(write(rows, { ...dialect, formulas: 'allow' }), dialect)).toEqual(rows)
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
    expect(read(write(rows, { formulas: 'allow' }), {})).toEqual([
      ['text', '1.5', '-1', 'true', 'false', '', '', '100000000000000000000'],
      ['', '0', '1e-7', '"', 'a,b', '1970-01-01T00:00:00.000Z', '\n', "'"],
    ])
  })

  // The situations of the csv-spectrum collection, as JSON and as the file with no more quotes than are needed.
  test.each<[name: string, rows: Record<string, string>[], file: string]>([
    ['simple', [{ a: '1', b: '2', c: '3' }], 'a,b,c\n1,2,3\n'],
    [
      'empty',
      [
        { a: '1', b: '', c: '' },
        { a: '2', b: '3', c: '4' },
      ],
      'a,b,c\n1,,\n2,3,4\n',
    ],
    [
      'comma in quotes',
      [{ first: 'John', address: '120 any st.', city: 'Anytown, WW', zip: '08123' }],
      'first,address,city,zip\nJohn,120 any st.,"Anytown, WW",08123\n',
    ],
    [
      'escaped quotes',
      [
        { a: '1', b: 'ha "ha" ha' },
        { a: '3', b: '4' },
      ],
      'a,b\n1,"ha ""ha"" ha"\n3,4\n',
    ],
    [
      'JSON',
      [{ key: '1', val: '{"type": "Point", "coordinates": [102.0, 0.5]}' }],
      'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
    ],
    ['newlines', [{ a: '1', b: 'Once upon \na time', c: '5' }], 'a,b,c\n1,"Once upon \na time",5\n'],
    ['quotes and newlines', [{ a: '1', b: 'ha \n"ha" \nha' }], 'a,b\n1,"ha \n""ha"" \nha"\n'],
    ['UTF-8', [{ a: '1', b: '2', c: 'ʤ' }], 'a,b,c\n1,2,ʤ\n'],
  ])('%s', (_name, rows, file) => {
    for (const recordDelimiter of ['\n', '\r\n'] as const) {
      const encoder = new CsvEncoder(resolveOptions({ recordDelimiter }))
      const written = rows.map((row) => encoder.encode(row)).join('')
      if (recordDelimiter === '\n') expect(written).toBe(file)
      const [header, ...records] = read(written, { recordDelimiter })
      expect(records.map((record) => Object.fromEntries(record.map((text, at) => [header![at], text])))).toEqual(rows)
    }
  })
})
