import { isStreamingResponse } from '@catzilla/streaming'
import { bodyOf, sendInMemory } from '@catzilla/testkit'
import { parse } from 'content-disposition'
import { describe, expect, test } from 'vitest'
import { csv } from '../src/index.ts'

describe('csv()', () => {
  test('gives a streaming response that writes rows while they are produced', async () => {
    const response = csv(
      (function* () {
        yield { id: 1, name: 'Ada' }
        yield { id: 2, name: 'Grace, USN' }
      })(),
    )
    expect(isStreamingResponse(response)).toBe(true)
    expect(await bodyOf(response)).toBe('id,name\r\n1,Ada\r\n2,"Grace, USN"\r\n')
  })

  test('takes async generators, and rows that are promised', async () => {
    async function* rows() {
      yield ['a']
      yield [1]
    }
    expect(await bodyOf(csv(rows()))).toBe('a\r\n1\r\n')
    expect(await bodyOf(csv([Promise.resolve(['a'])]))).toBe('a\r\n')
  })

  test('the header of known columns is written for no rows', async () => {
    expect(await bodyOf(csv<{ a: 1 }>([], { columns: ['a'] }))).toBe('a\r\n')
    expect(await bodyOf(csv([]))).toBe('')
  })

  test('each opening begins anew', async () => {
    const response = csv(() => [{ a: 1 }], { bom: true })
    expect(await bodyOf(response)).toBe('\uFEFFa\r\n1\r\n')
    expect(await bodyOf(response)).toBe('\uFEFFa\r\n1\r\n')
  })

  test('a bad first row is an error before the head', async () => {
    const end = await sendInMemory(csv([{ a: new Map() }])).end()
    expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_CSV_VALUE' } })
  })

  test('a bad later row breaks the body behind the rows before it', async () => {
    const exchange = sendInMemory(csv([{ a: 1 }, { a: Number.NaN }]))
    const end = await exchange.end()
    expect(end).toMatchObject({ outcome: 'source-error', committed: true, error: { code: 'CZ_CSV_VALUE' } })
    expect(exchange.sink.text).toBe('a\r\n1\r\n')
    expect(exchange.sink.aborted).toBeDefined()
    expect(exchange.sink.ended).toBe(false)
  })
})

describe('the head', () => {
  test('says type, charset and whether there is a header', () => {
    expect(csv([]).fields).toEqual([['content-type', 'text/csv; charset=utf-8; header=present']])
    expect(csv([], { header: false }).fields).toEqual([['content-type', 'text/csv; charset=utf-8; header=absent']])
  })

  test('of a TSV has its own type', () => {
    expect(csv([], { profile: 'tsv' }).fields).toEqual([['content-type', 'text/tab-separated-values; charset=utf-8']])
  })

  test('own fields are added, and replace ours', () => {
    const headers = { 'Content-Disposition': 'inline', 'x-one': '1' }
    expect(csv([], { filename: 'a.csv', headers, status: 203 })).toMatchObject({
      status: 203,
      fields: [
        ['content-type', 'text/csv; charset=utf-8; header=present'],
        ['content-disposition', 'inline'],
        ['x-one', '1'],
      ],
    })
  })

  test.each<[filename: string, field: string, decoded: string]>([
    ['export.csv', 'attachment; filename=export.csv', 'export.csv'],
    ['my export.csv', 'attachment; filename="my export.csv"', 'my export.csv'],
    ['a"b\\c".csv', 'attachment; filename="c\\".csv"', 'c".csv'],
    ['../../etc/x.csv', 'attachment; filename=x.csv', 'x.csv'],
    ['C:\\data\\x.csv', 'attachment; filename=x.csv', 'x.csv'],
    ['a\r\nset-cookie: x.csv', 'attachment; filename="aset-cookie: x.csv"', 'aset-cookie: x.csv'],
    ['Büro €.csv', 'attachment; filename="B_ro _.csv"; filename*=UTF-8\'\'B%C3%BCro%20%E2%82%AC.csv', 'Büro €.csv'],
    ['\ud83c.csv', "attachment; filename=_.csv; filename*=UTF-8''%EF%BF%BD.csv", '\ufffd.csv'],
  ])('a download named %j', (filename, field, decoded) => {
    const value = csv([], { filename }).fields.find(([name]) => name === 'content-disposition')![1]
    expect(value).toBe(field)
    expect(parse(value).parameters['filename']).toBe(decoded)
  })
})

describe('options', () => {
  test.each<[options: object, message: string]>([
    [{ headerss: true }, 'Unknown option "headerss"; known are'],
    [{ delimiter: '' }, 'delimiter must be text without letters, digits, CR and LF (got "")'],
    [{ delimiter: '|\n' }, 'delimiter must be text without letters'],
    [{ delimiter: '\ud83c' }, 'delimiter must be text without letters'],
    [{ delimiter: 'x' }, 'delimiter must be text without letters, digits, CR and LF (got "x")'],
    [{ delimiter: '|"|' }, 'delimiter and quote must differ'],
    [{ delimiter: '\\', escape: '\\' }, 'delimiter and escape must differ'],
    [{ escape: 'ab' }, 'escape must be one character'],
    [{ quoting: 'some' }, 'quoting must be "minimal" or "all" or "strings" or "none"'],
    [{ profile: 'lotus' }, 'profile must be "rfc4180" or "excel" or "tsv" or "postgres" (got "lotus")'],
    [{ locale: 'de' }, "locale is for the profile 'excel'"],
    [{ profile: 'excel', locale: 'no locale' }, 'locale must be a language tag such as \'de-DE\' (got "no locale")'],
    [{ discoverRows: 0 }, 'discoverRows must be a whole number from 1 on (got 0)'],
    [{ casts: { int: String } }, 'Unknown cast "int"'],
    [{ casts: { number: 'x' } }, 'casts.number must be a function (got "x")'],
    [{ casts: null }, 'casts must be an object (got null)'],
    [{ delimiter: '"' }, 'delimiter and quote must differ'],
    [{ quote: '' }, 'quote must be one character'],
    [{ eol: ';' }, 'eol must be "\\r\\n" or "\\n" or "\\r" (got ";")'],
    [{ formulas: 'no' }, 'formulas must be "escape" or "reject" or "off" (got "no")'],
    [{ unknownKeys: 'no' }, 'unknownKeys must be'],
    [{ nullText: null }, 'nullText must be a string (got null)'],
    [{ header: 1 }, 'header must be true or false (got 1)'],
    [{ bom: 'yes' }, 'bom must be true or false (got "yes")'],
    [{ columns: [] }, 'columns must be a list of at least one name'],
    [{ columns: 'a,b' }, 'columns must be a list'],
    [{ columns: [1] }, 'A column must be a name, { key, header } or { header, value } (got 1)'],
    [{ columns: [{ header: 'a' }] }, 'A column must be a name, { key, header }'],
    [{ columns: [{ key: 'a', heading: 'b' }] }, 'Unknown property of a column "heading"'],
    [{ columns: [{ key: 'a', value: String }] }, 'A column must be'],
    [{ columns: [{ key: 'a', format: 1 }] }, 'format of the column "a" must be a function (got 1)'],
    [{ columns: [{ key: 'a', quoting: 'none' }] }, 'quoting of the column "a" must be'],
    [{ columns: [{ key: 'a', quoting: 'all' }], profile: 'tsv' }, 'quoting of the column "a" must be'],
    [{ columns: {} }, 'columns must be a list of at least one name'],
    [{ filename: 'a/' }, 'filename must name a file (got "a/")'],
    [{ filename: 7 }, 'filename must be a string (got 7)'],
    [{ filename: '..' }, 'filename must name a file'],
  ])('%j is refused when the response is made', (options, message) => {
    expect(() => csv([], options)).toThrow(
      expect.objectContaining({ code: 'CZ_CSV_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test('undefined stands for the default', async () => {
    const options = {
      columns: undefined,
      header: undefined,
      delimiter: undefined,
      filename: undefined,
      formulas: undefined,
    }
    expect(await bodyOf(csv([{ a: '=1' }], options as never))).toBe("a\r\n'=1\r\n")
  })
})
