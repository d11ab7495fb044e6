import { expect, test } from 'vitest'
import { CatzillaError, isCatzillaError, show, streamError } from '../src/errors.ts'

test('an error keeps the base class of its kind, its code and its cause', () => {
  const cause = new Error('cause')
  const error = streamError('CZ_STREAM_ITEM', 'message', cause)
  expect(error).toBeInstanceOf(TypeError)
  expect(error).toMatchObject({ code: 'CZ_STREAM_ITEM', message: 'message', cause })
})

test('an error without a cause has no property for it', () => {
  expect('cause' in streamError('CZ_STREAM_CLOSED', 'message')).toBe(false)
  expect('cause' in new CatzillaError('CZ_X', 'message')).toBe(false)
})

test('isCatzillaError knows errors of every package, and of another copy of this one', () => {
  const foreign = Object.assign(new Error('foreign'), { code: 'CZ_X', [Symbol.for('catzilla.error')]: true })
  expect(isCatzillaError(streamError('CZ_STREAM_CLOSED', 'message'))).toBe(true)
  expect(isCatzillaError(new CatzillaError('CZ_X', 'message', { status: 400 }))).toBe(true)
  expect(isCatzillaError(foreign)).toBe(true)
  expect(isCatzillaError(new Error('other'))).toBe(false)
  expect(isCatzillaError(null)).toBe(false)
})

test('the mark of an error does not show when it is printed or copied', () => {
  expect(Object.getOwnPropertySymbols(Object.assign({}, new CatzillaError('CZ_X', 'message')))).toEqual([])
})

test('show gives any value on one short line', () => {
  expect(show('a\nb')).toBe('"a\\nb"')
  expect(show([1, 2])).toBe('an array')
  expect(show(null)).toBe('null')
  expect(show(Symbol('s'))).toBe('Symbol(s)')
  expect(show(Object.create(null))).toBe('object')
  expect(show('x'.repeat(100))).toHaveLength(78)
})
