import { expect, test } from 'vitest'
import { checkStatus, toFields, type FieldsInit } from '../src/head.ts'

test('fields come out in order, with lower-case names and trimmed values', () => {
  expect(toFields({ 'X-One': ' 1\t', ETag: '"é"', 'X-Number': 3 })).toEqual([
    ['x-one', '1'],
    ['etag', '"é"'],
    ['x-number', '3'],
  ])
})

test('a list of values makes a line each, and undefined none', () => {
  expect(toFields({ 'set-cookie': ['a=1', 'b=2'], 'x-missing': undefined })).toEqual([
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ])
})

test('fields may be pairs, a Map or Headers', () => {
  const fields = [['x-one', '1']]
  expect(toFields([['X-One', '1']])).toEqual(fields)
  expect(toFields(new Map([['X-One', '1']]))).toEqual(fields)
  expect(toFields(new Headers({ 'X-One': '1' }))).toEqual(fields)
})

test('no fields are an empty list', () => {
  expect(toFields(undefined)).toEqual([])
})

test.each([
  ['a name with a space', { 'x name': '' }],
  ['a name with a colon', { 'x:name': '' }],
  ['a name with CR LF', { 'x\r\ny': '' }],
  ['a name beyond ASCII', { naïve: '' }],
  ['an empty name', { '': '' }],
  ['CR in a value', { x: 'a\rb' }],
  ['LF in a value', { x: 'a\nb' }],
  ['NUL in a value', { x: 'a\0b' }],
  ['DEL in a value', { x: 'a\x7fb' }],
  ['a character beyond U+00FF in a value', { x: '日' }],
  ['LF in the second of several values', { x: ['a', 'b\n'] }],
] satisfies [string, FieldsInit][])('%s throws', (_what, init) => {
  expect(() => toFields(init)).toThrow(expect.objectContaining({ name: 'TypeError', code: 'CZ_HEAD_FIELD' }))
})

test.each(['Transfer-Encoding', 'connection', 'Keep-Alive', 'upgrade', 'trailer', 'te'])(
  '%s is left to the transport',
  (name) => {
    expect(() => toFields({ [name]: 'value' })).toThrow(/set by the transport; leave it out/)
  },
)

test('the error shows the field and what to do', () => {
  expect(() => toFields({ 'x-user': 'a\nb' })).toThrow('"x-user" must not contain control characters')
  expect(() => toFields({ 'x-user': 'a\nb' })).toThrow('(got "a\\nb"); encode it first')
})

test.each([200, 204, 304, 404, 599])('%i is a final status', (status) => {
  expect(checkStatus(status)).toBe(status)
})

test.each([100, 199, 600, 200.5, Number.NaN])('%d is no final status', (status) => {
  expect(() => checkStatus(status)).toThrow(expect.objectContaining({ name: 'RangeError', code: 'CZ_HEAD_STATUS' }))
})
