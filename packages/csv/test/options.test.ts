import { parse as csvParse } from 'csv-parse/sync'
import { describe, expect, test } from 'vitest'
import { encodeCsv } from '../src/encode-csv.ts'

describe('columns', () => {
  const rows = [
    { id: 1, first: 'Ada', last: 'Lovelace', born: 1815 },
    { id: 2, first: 'Grace', last: 'Hopper', born: 1906 },
  ]

  test('as a map of keys to headers', () => {
    expect(encodeCsv(rows, { columns: { born: 'Year', id: 'No.' } })).toBe('Year,No.\r\n1815,1\r\n1906,2\r\n')
  })

  test('computed from the row, and formatted', () => {
    const columns = [
      { header: 'Name', value: (row: (typeof rows)[0]) => `${row.last}, ${row.first}` },
      { key: 'born', header: 'Age', format: (born: number) => 2000 - born },
    ] as const
    expect(encodeCsv(rows, { columns })).toBe('Name,Age\r\n"Lovelace, Ada",185\r\n"Hopper, Grace",94\r\n')
  })

  test('computed from array rows, beside those by position', () => {
    const columns = ['a', { header: 'sum', value: ([a, b]: number[]) => a! + b! }]
    expect(() => encodeCsv([[1, 2]], { columns: ['a'] })).toThrow('Row 1 has 2 fields, but there are 1 columns')
    expect(encodeCsv([[1, 2]], { columns })).toBe('a,sum\r\n1,3\r\n')
  })

  test('one that cannot be computed names row and column, and has its cause', () => {
    const cause = new Error('no')
    const value = (row: { id: number }) => {
      if (row.id === 2) throw cause
      return row.id
    }
    expect(() => encodeCsv(rows, { columns: [{ header: 'x', value }] })).toThrow(
      expect.objectContaining({
        code: 'CZ_CSV_VALUE',
        cause,
        message: 'Column "x" of row 2 could not be computed: no',
      }),
    )
  })

  test('a computed column may be empty in every row', () => {
    expect(encodeCsv([{ id: 1 }], { columns: [{ header: 'x', value: () => undefined }] })).toBe('x\r\n""\r\n')
  })

  test('are the keys of the first rows together, where asked', () => {
    const mixed = [{ a: 1 }, { b: 2, a: 3 }, { c: 4 }]
    expect(encodeCsv(mixed, { discoverRows: 3 })).toBe('a,b,c\r\n1,,\r\n3,2,\r\n,,4\r\n')
    expect(encodeCsv(mixed, { discoverRows: 100 })).toBe('a,b,c\r\n1,,\r\n3,2,\r\n,,4\r\n')
    expect(() => encodeCsv(mixed, { discoverRows: 2 })).toThrow('Row 3 has the key "c", which is no column ("a", "b")')
    expect(encodeCsv([[1], [2]], { discoverRows: 2 })).toBe('1\r\n2\r\n')
    expect(() => encodeCsv([{ a: 1 }, { a: new Map() }], { discoverRows: 2 })).toThrow('Column "a" of row 2')
    expect(() => encodeCsv([{ a: 1 }, 'x'] as object[], { discoverRows: 3 })).toThrow('Row 2 is the string "x"')
  })
})

describe('quoting', () => {
  const rows = [{ a: 'x', b: 1, c: null, d: '', e: new Date(0), f: true }]

  test.each([
    ['minimal', 'a,b,c,d,e,f\r\nx,1,,,1970-01-01T00:00:00.000Z,true\r\n'],
    ['strings', '"a","b","c","d","e","f"\r\n"x",1,,"",1970-01-01T00:00:00.000Z,true\r\n'],
    ['all', '"a","b","c","d","e","f"\r\n"x","1",,"","1970-01-01T00:00:00.000Z","true"\r\n'],
  ] as const)('%s', (quoting, file) => {
    expect(encodeCsv(rows, { quoting })).toBe(file)
  })

  test('strings that are numbers with the delimiter are quoted all the same', () => {
    expect(encodeCsv([[1.5, 'a']], { quoting: 'strings', delimiter: '.' })).toBe('"1.5"."a"\r\n')
  })

  test('per column', () => {
    const columns = ['a', { key: 'b', quoting: 'all' }, { key: 'd', quoting: 'strings' }] as const
    expect(encodeCsv(rows, { columns })).toBe('a,"b","d"\r\nx,"1",""\r\n')
  })

  test('an escape of its own', () => {
    const table = [['a"b', 'c\\d', 'e', '\\"']]
    const file = encodeCsv(table, { escape: '\\' })
    expect(file).toBe('"a\\"b","c\\\\d",e,"\\\\\\""\r\n')
    expect(csvParse(file, { escape: '\\', record_delimiter: '\r\n' })).toEqual(table)
  })

  test('a delimiter of several characters is kept apart from fields that end as it begins', () => {
    const table = [
      ['a|', '|b', 'c', '', '|'],
      ['||', 'a||b', '||||', 'x|y', 'z'],
    ]
    const file = encodeCsv(table, { delimiter: '||' })
    expect(file).toBe('"a|"||"|b"||c||||"|"\r\n"||"||"a||b"||"||||"||"x|y"||z\r\n')
    expect(csvParse(file, { delimiter: '||', record_delimiter: '\r\n' })).toEqual(table)
  })
})

describe('casts', () => {
  const at = { row: 1, column: 0, header: undefined }

  test.each<[type: string, value: unknown, cast: (value: never) => unknown, field: string]>([
    ['boolean', true, (value: boolean) => (value ? 'yes' : 'no'), 'yes'],
    ['boolean', false, (value: boolean) => (value ? 1 : 0), '0'],
    ['number', 1.5, (value: number) => value.toFixed(2), '1.50'],
    ['number', Number.NaN, () => null, '""'],
    ['number', -1.5, (value: number) => String(value).replace('.', ','), '"-1,5"'],
    ['bigint', 5n, (value: bigint) => Number(value), '5'],
    ['date', new Date(0), (value: Date) => value.getTime(), '0'],
    ['date', new Date(Number.NaN), () => 'never', 'never'],
    ['object', { a: 1 }, () => 'x', 'x'],
    ['object', new Map([['a', 1]]), (value: Map<string, number>) => [...value.keys()].join(' '), 'a'],
    ['string', 'x', (value: string) => value.toUpperCase(), 'X'],
    ['string', '=x', (value: string) => value, "'=x"],
    ['object', ['=x'], (value: string[]) => value[0], "'=x"],
  ])('%s %s', (type, value, cast, field) => {
    expect(encodeCsv([[value]], { header: false, casts: { [type]: cast } })).toBe(`${field}\r\n`)
  })

  test('are told where the value stands', () => {
    const seen: unknown[] = []
    const number = (value: number, at: unknown) => {
      seen.push(at)
      return value
    }
    encodeCsv([{ a: 'x', b: 1 }], { casts: { number } })
    encodeCsv([[1]], { casts: { number } })
    expect(seen).toEqual([{ row: 1, column: 1, header: 'b' }, at])
  })

  test('that give what has no text are refused', () => {
    expect(() => encodeCsv([[1]], { casts: { number: () => ({}) as never } })).toThrow('a cast gives text, a number')
    expect(() => encodeCsv([[1]], { casts: { number: () => Infinity } })).toThrow(
      'a cast gives text or a finite number',
    )
  })
})

describe('the profile excel', () => {
  test('begins with a byte order mark, and keeps leading zeros and long digits', () => {
    const rows = [
      { code: '007', long: '1234567890123456', id: 12345678901234567n, n: 1234567890123456, ok: '0', z: '0.5' },
    ]
    expect(encodeCsv(rows, { profile: 'excel' })).toBe(
      '\uFEFFcode,long,id,n,ok,z\r\n' +
        '"=""007""","=""1234567890123456""","=""12345678901234567""","=""1234567890123456""",0,0.5\r\n',
    )
  })

  test('separates as the Excel of a country does', () => {
    const rows = [[1.5, 'a;b', 2, -0.25]]
    const options = { profile: 'excel', bom: false } as const
    expect(encodeCsv(rows, { ...options, locale: 'de-DE' })).toBe('1,5;"a;b";2;-0,25\r\n')
    expect(encodeCsv(rows, { ...options, locale: 'en-GB' })).toBe('1.5,a;b,2,-0.25\r\n')
    expect(encodeCsv(rows, { ...options, locale: 'de-DE', delimiter: ',' })).toBe('"1,5",a;b,2,"-0,25"\r\n')
    expect(() => encodeCsv([[Number.NaN]], { ...options, locale: 'de-DE' })).toThrow('finite number')
  })

  test('still guards against formulas', () => {
    expect(encodeCsv([['=1+1']], { profile: 'excel' })).toBe("\uFEFF'=1+1\r\n")
  })
})

describe('the profile tsv', () => {
  test('has tabs, no quotes, and refuses what it cannot hold', () => {
    const rows = [{ a: 'x "y"', b: ' z, ', c: null }]
    expect(encodeCsv(rows, { profile: 'tsv' })).toBe('a\tb\tc\nx "y"\t z, \t\n')
    for (const text of ['a\tb', 'a\nb', 'a\rb']) {
      expect(() => encodeCsv([{ a: 'x' }, { a: text }], { profile: 'tsv' })).toThrow(
        expect.objectContaining({
          code: 'CZ_CSV_VALUE',
          message:
            `Column "a" of row 2 has a delimiter or line end (${JSON.stringify(text)}), which has no form without quotes; ` +
            'clean it, or give an escape character',
        }),
      )
    }
    expect(() => encodeCsv([{ 'a\tb': 1 }], { profile: 'tsv' })).toThrow('The header 1 has a delimiter')
  })

  test('escapes on request, so that every text comes back', () => {
    const texts = ['a\tb', 'a\nb\r', '\\', '\\t', '"', ',', '🎈']
    const file = encodeCsv([texts], { profile: 'tsv', escape: '\\', formulas: 'off' })
    expect(file).toBe('a\\tb\ta\\nb\\r\t\\\\\t\\\\t\t"\t,\t🎈\n')
    const names: Record<string, string> = { t: '\t', n: '\n', r: '\r' }
    const read = file.slice(0, -1).split('\t')
    expect(read.map((text) => text.replace(/\\(.)/g, (_, name: string) => names[name] ?? name))).toEqual(texts)
  })
})

describe('the profile postgres', () => {
  test('tells null from text, and leaves formulas alone', () => {
    const rows = [{ a: null, b: '', c: '\\N', d: '\\.', e: '=1' }]
    expect(encodeCsv(rows, { profile: 'postgres' })).toBe('a,b,c,d,e\n\\N,,"\\N","\\.",=1\n')
  })
})

test('other options are taken before those of a profile', () => {
  expect(encodeCsv([['a']], { profile: 'excel', bom: false, eol: '\n' })).toBe('a\n')
  expect(encodeCsv([[null]], { profile: 'postgres', nullText: 'NULL', eol: undefined } as object)).toBe('NULL\n')
})

test('options of a response are none of encodeCsv()', () => {
  expect(() => encodeCsv([], { filename: 'a.csv' } as object)).toThrow('Unknown option "filename"')
})
