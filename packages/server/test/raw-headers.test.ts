import { expect, test } from 'vitest'
import { RawHeaders } from '../src/transport/raw-headers.ts'

const BLOCK =
  'Host: a\r\nX-Empty:\r\nX-Blank: \t \r\nX-Tab:\t1\t\r\nX_A: 2\r\nX-Space: \u00a03\u00a0 \r\nCookie: b=1\r\nCOOKIE: c=2\r\n'
const VALUES = {
  host: 'a',
  'x-empty': '',
  'x-blank': '',
  'x-tab': '1',
  x_a: '2',
  'x-space': '\u00a03\u00a0', // Only blanks and tabs are around a value (RFC 9110 §5.5).
  cookie: 'b=1; c=2',
}

test('a field is found in any case, first alone and then in the table', () => {
  const headers = new RawHeaders(BLOCK)
  for (let round = 0; round < 2; round++) {
    for (const [name, value] of Object.entries(VALUES)) {
      expect([name, headers.get(name)]).toEqual([name, value])
      expect([name, new RawHeaders(BLOCK).get(name.toUpperCase())]).toEqual([name, value])
    }
  }
})

test('a part of a line is no field', () => {
  for (const name of ['ost', 'hos', 'a', 'x', 'x-', 'x-a', '', ':', '\r\nx-empty', 'nothing-of-this-name-is-in-it']) {
    expect([name, new RawHeaders(BLOCK).get(name)]).toEqual([name, null])
  }
})

test('entries come in their order', () => {
  expect([...new RawHeaders(BLOCK).entries()].slice(-3)).toEqual([
    ['x-space', '\u00a03\u00a0'],
    ['cookie', 'b=1'],
    ['cookie', 'c=2'],
  ])
})
