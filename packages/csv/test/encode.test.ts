import { isCatzillaError } from '@catzilla/streaming'
import { describe, expect, test } from 'vitest'
import { encodeCsv } from '../src/encode-csv.ts'
import type { CsvFormatOptions } from '../src/options.ts'

/** The whole file of `rows`. */
function write(rows: readonly unknown[], options?: CsvFormatOptions): string {
  return encodeCsv(rows, options)
}

/** The record of one row of one field beside another, without a header. */
function field(value: unknown, options?: CsvFormatOptions): string {
  return write([[0, value]], { header: false, ...options }).slice(2, -2)
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

function circle(): unknown[] {
  const array: unknown[] = []
  array.push(array)
  return array
}

describe('records (RFC 4180 §2)', () => {
  test.each<[rule: string, rows: unknown[], file: string]>([
    [
      'records end with CRLF, the last one too',
      [
        ['aaa', 'bbb'],
        ['zzz', 'yyy'],
      ],
      'aaa,bbb\r\nzzz,yyy\r\n',
    ],
    ['spaces are part of a field', [['a b', 'c']], 'a b,c\r\n'],
    ['a field with the delimiter is quoted', [['a,b', 'c']], '"a,b",c\r\n'],
    ['a field with a quote is quoted, the quote doubled', [['a"b', '"']], '"a""b",""""\r\n'],
    ['a field with CRLF is quoted', [['b\r\nbb', 'c']], '"b\r\nbb",c\r\n'],
    ['a field with a lone LF is quoted', [['a\nb', 'c']], '"a\nb",c\r\n'],
    ['a field with a lone CR is quoted', [['a\rb', 'c']], '"a\rb",c\r\n'],
    ['spaces and tabs at an end are quoted', [[' a', 'a ', 'a\t', ' ']], '" a","a ","a\t"," "\r\n'],
    ['Unicode line separators are text', [['a\u2028b', 'a\u0085b']], 'a\u2028b,a\u0085b\r\n'],
    ['empty fields stay empty', [['', '', '']], ',,\r\n'],
    [
      'a record of one empty field is quoted, as an empty line is no record',
      [[''], [null], ['x']],
      '""\r\n""\r\nx\r\n',
    ],
    ['a short row is filled up', [['a', 'b', 'c'], ['d']], 'a,b,c\r\nd,,\r\n'],
  ])('%s', (_rule, rows, file) => {
    expect(write(rows)).toBe(file)
  })

  test('lone CR and LF are quoted whatever the record delimiter is', () => {
    for (const eol of ['\r\n', '\n', '\r'] as const) {
      expect(write([['a\nb', 'a\rb']], { eol })).toBe(`"a\nb","a\rb"${eol}`)
    }
  })

  test('another delimiter and another quote', () => {
    expect(write([['a;b', 'a,b', "it's"]], { delimiter: ';', quote: "'" })).toBe("'a;b';a,b;'it''s'\r\n")
    expect(write([['a\tb', 'a,b']], { delimiter: '\t' })).toBe('"a\tb"\ta,b\r\n')
  })

  test('numbers and dates are quoted where the delimiter occurs in them', () => {
    const row = [-1.5, new Date(0), true]
    expect(write([row], { delimiter: '-' })).toBe('"-1.5"-"1970-01-01T00:00:00.000Z"-true\r\n')
    expect(write([row], { delimiter: ':' })).toBe('-1.5:"1970-01-01T00:00:00.000Z":true\r\n')
  })
})

describe('values', () => {
  test.each<[value: unknown, text: string]>([
    ['text', 'text'],
    [0, '0'],
    [-0, '0'],
    [-12.5, '-12.5'],
    [1e21, '1e+21'],
    [0.1, '0.1'],
    [2n ** 64n, '18446744073709551616'],
    [-5n, '-5'],
    [true, 'true'],
    [false, 'false'],
    [null, ''],
    [undefined, ''],
    [new Date(Date.UTC(2024, 1, 29, 12, 30)), '2024-02-29T12:30:00.000Z'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new URL('https://example.org/a,b'), '"https://example.org/a,b"'],
    [{ toJSON: () => '-12.50' }, '-12.50'],
    [{ toJSON: () => 7 }, '7'],
    [{ toJSON: () => null }, ''],
    [{ toJSON: () => undefined }, ''],
    [{ toJSON: () => ({ a: [1] }) }, '"{""a"":[1]}"'],
    [{ a: 1 }, '"{""a"":1}"'],
    [[1], '[1]'],
  ])('%s', (value, text) => {
    expect(field(value)).toBe(text)
  })

  test.each<[what: string, value: unknown, message: string]>([
    [
      'NaN',
      Number.NaN,
      'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (NaN); map it to null or text first, or give casts.number',
    ],
    ['Infinity', -Infinity, 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (-Infinity)'],
    ['an invalid date', new Date(Number.NaN), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (Invalid Date)'],
    ['an object with a BigInt', { a: 1n }, 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an object); map it to'],
    ['an array with a circle', circle(), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an array)'],
    ['a generator', (function* () {})(), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV'],
    [
      'a promise',
      Promise.resolve(1),
      'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an object of class Promise)',
    ],
    ['an Error', new Error('x'), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an object of class Error)'],
    ['bytes', new Uint8Array(2), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an object of class Uint8Array)'],
    ['a Map', new Map(), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (an object of class Map)'],
    ['a function', () => 1, 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV'],
    ['a symbol', Symbol('s'), 'CZ_CSV_VALUE: Column 2 of row 1 has no form in CSV (Symbol(s))'],
    ['a buffer', Buffer.from('x'), 'CZ_CSV_VALUE'],
  ])('%s is refused by name', (_what, value, message) => {
    expect(failure(() => field(value))).toContain(message)
  })

  test('an error names column and row', () => {
    const rows = [
      { id: 1, price: 2 },
      { id: 2, price: Number.NaN },
    ]
    expect(failure(() => write(rows))).toBe(
      'CZ_CSV_VALUE: Column "price" of row 2 has no form in CSV (NaN); map it to null or text first, or give casts.number',
    )
  })

  test('null has a text of its own on request, and a string of that text is quoted', () => {
    expect(write([['NULL', null, undefined, '']], { nullText: 'NULL' })).toBe('"NULL",NULL,NULL,\r\n')
    expect(write([['a', null]], { nullText: '\\N' })).toBe('a,\\N\r\n')
    expect(write([[null]], { nullText: 'a,b' })).toBe('"a,b"\r\n')
  })
})

describe('object rows', () => {
  test('the keys of the first row are the columns', () => {
    expect(
      write([
        { b: 1, a: 'x' },
        { b: 2, a: 'y' },
      ]),
    ).toBe('b,a\r\n1,x\r\n2,y\r\n')
  })

  test('keys may come in another order, and may be missing', () => {
    expect(write([{ a: 1, b: 2, c: 3 }, { c: 6, a: 4, b: 5 }, { b: 8 }, {}])).toBe(
      'a,b,c\r\n1,2,3\r\n4,5,6\r\n,8,\r\n,,\r\n',
    )
  })

  test('a key that the first row had not is refused by name', () => {
    expect(failure(() => write([{ a: 1 }, { a: 2, b: 3 }]))).toBe(
      `CZ_CSV_COLUMN: Row 2 has the key "b", which is no column ("a"); name the columns to write, raise discoverRows, or set unknownKeys: 'ignore'`,
    )
    expect(write([{ a: 1 }, { a: 2, b: 3 }], { unknownKeys: 'ignore' })).toBe('a\r\n1\r\n2\r\n')
  })

  test('columns choose and order the keys', () => {
    const rows = [{ id: 1, secret: 's', name: 'n' }]
    expect(write(rows, { columns: ['name', 'id'] })).toBe('name,id\r\nn,1\r\n')
    expect(write(rows, { columns: [{ key: 'id', header: 'No.' }, { key: 'name' }] })).toBe('No.,name\r\n1,n\r\n')
    expect(failure(() => write(rows, { columns: ['id', 'name'], unknownKeys: 'error' }))).toContain('the key "secret"')
  })

  test('rows of a class may have their columns from getters', () => {
    class Row {
      get total(): number {
        return 3
      }
    }
    expect(write([new Row()], { columns: ['total'] })).toBe('total\r\n3\r\n')
  })

  test('what all objects inherit is no field', () => {
    const columns = ['constructor', 'toString', '__proto__', 'a']
    expect(write([{ a: 1 }], { columns })).toBe('constructor,toString,__proto__,a\r\n,,,1\r\n')
    expect(write([JSON.parse('{"__proto__":1,"a":2}')])).toBe('__proto__,a\r\n1,2\r\n')
    expect(write([Object.assign(Object.create(null), { a: 1 })])).toBe('a\r\n1\r\n')
  })

  test.each<[what: string, rows: unknown[], message: string]>([
    ['a string', ['abc'], 'CZ_CSV_ROW: Row 1 is the string "abc"; a row is an array of fields or an object'],
    ['null', [{ a: 1 }, null], 'CZ_CSV_ROW: Row 2 is null'],
    ['an array among objects', [{ a: 1 }, [1]], 'CZ_CSV_ROW: Row 2 is an array'],
    ['an object among arrays', [[1], { a: 1 }], 'CZ_CSV_ROW: Row 2 is an object, but the first was an array'],
    ['bytes', [new Uint8Array(1)], 'CZ_CSV_ROW: Row 1 is an object of class Uint8Array'],
    ['a Map', [new Map([['a', 1]])], 'CZ_CSV_ROW: Row 1 is an object of class Map'],
    ['an empty first object', [{}], 'CZ_CSV_ROW: Row 1 is an object'],
    ['an empty first array', [[]], 'CZ_CSV_ROW: Row 1 is an empty array; give it a field'],
    [
      'an array longer than the first',
      [
        [1, 2],
        [1, 2, 3],
      ],
      'CZ_CSV_COLUMN: Row 2 has 3 fields, but there are 2 columns',
    ],
  ])('%s is refused by name', (_what, rows, message) => {
    expect(failure(() => write(rows))).toContain(message)
  })

  test('a row with none of the named columns is a mistake', () => {
    expect(failure(() => write([{ nmae: 1 }], { columns: ['name'] }))).toContain('has none of the columns ("name")')
    expect(failure(() => write([new Map()], { columns: ['name'] }))).toContain('an object of class Map')
    expect(write([{ name: undefined }, {}], { columns: ['name'] })).toBe('name\r\n""\r\n""\r\n')
  })
})

describe('the header', () => {
  test('array rows bring it as their first row, or have it from columns', () => {
    expect(
      write([
        ['id', 'name'],
        [1, 'a'],
      ]),
    ).toBe('id,name\r\n1,a\r\n')
    expect(write([[1, 'a']], { columns: ['id', 'name'] })).toBe('id,name\r\n1,a\r\n')
    expect(write([[1], [1, 2]], { columns: ['id', 'name'] })).toBe('id,name\r\n1,\r\n1,2\r\n')
    expect(failure(() => write([[1, 2]], { columns: ['id'] }))).toBe(
      'CZ_CSV_COLUMN: Row 1 has 2 fields, but there are 1 columns',
    )
  })

  test('without it, there are rows only', () => {
    expect(write([{ a: 1 }], { header: false })).toBe('1\r\n')
    expect(write([{ a: 1, b: 2 }], { header: false, columns: ['b'] })).toBe('2\r\n')
  })

  test('it is written for no rows at all where the columns are known', () => {
    expect(write([], { columns: ['a', 'b'] })).toBe('a,b\r\n')
    expect(write([], { columns: ['a', 'b'], bom: true })).toBe('\uFEFFa,b\r\n')
    expect(write([], { columns: ['a', 'b'], header: false })).toBe('')
    expect(write([])).toBe('')
  })

  test('it is quoted and guarded as fields are', () => {
    expect(write([{ 'a,b': 1, '=c': 2, '': 3 }])).toBe(`"a,b",'=c,\r\n1,2,3\r\n`)
  })
})

describe('the start of the file', () => {
  test('a byte order mark on request, once', () => {
    expect(write([{ a: 1 }, { a: 2 }], { bom: true })).toBe('\uFEFFa\r\n1\r\n2\r\n')
  })

  test('a first field that begins with ID is quoted: Excel would take the file for SYLK', () => {
    expect(
      write([
        { ID: 1, IDX: 2 },
        { ID: 3, IDX: 4 },
      ]),
    ).toBe('"ID",IDX\r\n1,2\r\n3,4\r\n')
    expect(write([['IDENT']])).toBe('"IDENT"\r\n')
    expect(
      write(
        [
          ['ID', 'ID'],
          ['ID', 'ID'],
        ],
        { header: false },
      ),
    ).toBe('"ID",ID\r\nID,ID\r\n')
    expect(write([['Id', 'x']])).toBe('Id,x\r\n')
    expect(write([['ID', 'x']], { delimiter: '\t', eol: '\n' })).toBe('"ID"\tx\n')
  })

  test('a first field that begins with U+FEFF is quoted: readers would take it for a byte order mark', () => {
    expect(write([['\uFEFFa', '\uFEFFb']])).toBe('"\uFEFFa",\uFEFFb\r\n')
  })
})
