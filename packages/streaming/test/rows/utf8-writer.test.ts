import { describe, expect, test } from 'vitest'
import { NUMBER_BYTES, Utf8Writer, writeClean, writeNumber, writeQuoted } from '../../src/format.ts'

const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')

describe('writeNumber()', () => {
  const write = (value: number) => {
    const bytes = new Uint8Array(NUMBER_BYTES)
    return decode(bytes.subarray(0, writeNumber(bytes, 0, value)))
  }
  const EDGES = [
    0, -0, 1, 9, 10, 99, 100, 12345, 999_999, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 1e14 + 1, 1e15,
    999_999_999_999_999, 2 ** 53, 1e21, 0.1, 0.01, 0.001, 0.05, 0.5, 1.1, 1.01, 1.005, 1.23, -1.5, -0.07, 99.99, 19_999_999.99,
    20_000_000.01, 0.29, 0.57, 1.15, 1e-7, 5e-324, 1.7976931348623157e308, -(10 ** -299) / 7, 0.30000000000000004,
  ] // prettier-ignore

  test.each(EDGES)('writes %s as String() does', (value) => {
    expect(write(value)).toBe(String(value))
    expect(write(-value)).toBe(String(-value))
  })

  test('writes whole numbers, hundredths and all doubles as String() does', () => {
    let state = 12345
    const random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
    for (let i = 0; i < 200_000; i++) {
      const size = 10 ** Math.floor(random() * 18)
      const value = [
        Math.floor(random() * size),
        Math.floor(random() * size) / 100,
        random() * size,
        Math.floor(random() * 1e4) / 1000,
      ][i % 4]!
      if (write(value) !== String(value)) expect(write(value)).toBe(String(value))
    }
    for (let cents = 0; cents < 100_000; cents++) {
      if (write(cents / 100) !== String(cents / 100)) expect(write(cents / 100)).toBe(String(cents / 100))
    }
  })
})

describe('writeClean() and writeQuoted()', () => {
  const special = new Uint8Array(128)
  special[0x2c] = 1
  const bytes = new Uint8Array(100)
  const clean = (text: string) => {
    const end = writeClean(bytes, 0, text, special)
    return end < 0 ? undefined : decode(bytes.subarray(0, end))
  }
  const quoted = (text: string, escape = '"') => {
    const end = writeQuoted(bytes, 0, text, 0x22, escape.charCodeAt(0))
    return end < 0 ? undefined : decode(bytes.subarray(0, end))
  }

  test('write text of the basic plane', () => {
    for (const text of ['', 'abc', '\0\x7f', '\x80é߿', 'ࠀ￿\ud7ff\ue000', '日本語']) {
      expect(clean(text)).toBe(text)
      expect(quoted(text)).toBe(`"${text}"`)
    }
  })

  test('leave special characters and surrogates to others', () => {
    for (const text of ['a,b', '🎈', 'a\ud800']) expect(clean(text)).toBeUndefined()
    for (const text of ['🎈', '\udc00']) expect(quoted(text)).toBeUndefined()
  })

  test('escape quotes and what escapes', () => {
    expect(quoted('a"b,\\')).toBe('"a""b,\\"')
    expect(quoted('a"b\\', '\\')).toBe('"a\\"b\\\\"')
  })
})

describe('Utf8Writer', () => {
  test('gives what was committed, once, and never writes to it again', () => {
    const writer = new Utf8Writer()
    writer.text('one ')
    expect(writer.size).toBe(0)
    writer.commit()
    expect(writer.size).toBe(4)
    writer.text('lost')
    writer.rollback()
    writer.text('two')
    writer.commit()
    const first = writer.take()
    expect(writer.size).toBe(0)
    writer.text('XXXXXXX')
    writer.commit()
    expect(decode(first)).toBe('one two')
    expect(decode(writer.take())).toBe('XXXXXXX')
  })

  test('keeps what is begun when it needs more room', () => {
    const writer = new Utf8Writer()
    let expected = ''
    let taken = ''
    for (let i = 0; i < 2000; i++) {
      const text = `${i} ü 🎈 ${'x'.repeat((i * 7) % 300)}\n`
      writer.text(text.slice(0, 9))
      if (i % 5 === 0) {
        writer.rollback()
        continue
      }
      writer.text(text.slice(9))
      writer.commit()
      expected += text
      if (i % 13 === 0) taken += decode(writer.take())
    }
    expect(taken + decode(writer.take())).toBe(expected)
  })

  test('replaces lone surrogates', () => {
    const writer = new Utf8Writer()
    writer.text('\ud800')
    writer.text('x'.repeat(100) + '\udc00')
    writer.commit()
    expect(decode(writer.take())).toBe(`\ufffd${'x'.repeat(100)}\ufffd`)
  })
})
