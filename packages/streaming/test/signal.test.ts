import { expect, test } from 'vitest'
import { LazySignal } from '../src/signal.ts'

test('a signal that was read before fires with the reason', () => {
  const lazy = new LazySignal()
  const { signal } = lazy
  expect(signal.aborted).toBe(false)
  lazy.abort('reason')
  expect(signal.reason).toBe('reason')
})

test('a signal that is read afterwards has fired already', () => {
  const lazy = new LazySignal()
  lazy.abort('reason')
  expect(lazy.signal.aborted).toBe(true)
  expect(lazy.signal.reason).toBe('reason')
})

test('only the first reason counts', () => {
  const lazy = new LazySignal()
  lazy.abort('first')
  lazy.abort('second')
  expect(lazy.signal.reason).toBe('first')
})

test('it is the same signal each time', () => {
  const lazy = new LazySignal()
  expect(lazy.signal).toBe(lazy.signal)
})
