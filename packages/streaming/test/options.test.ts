import { expect, test } from 'vitest'
import { DEFAULTS, resolveOptions, type StreamOptions } from '../src/options.ts'

test('no options are the defaults themselves', () => {
  expect(resolveOptions(undefined)).toBe(DEFAULTS)
})

test('the defaults are frozen, all the way down', () => {
  expect(Object.isFrozen(DEFAULTS)).toBe(true)
  expect(Object.isFrozen(DEFAULTS.deadlines)).toBe(true)
  expect(Object.isFrozen(DEFAULTS.after)).toBe(true)
})

test('a deadline that is given leaves the others at their defaults', () => {
  const { deadlines } = resolveOptions({ deadlines: { idleMs: 10 } })
  expect(deadlines).toEqual({ firstItemMs: null, idleMs: 10, totalMs: null, stallMs: 60_000, minBytesPerSecond: null })
})

test('null switches a deadline off', () => {
  expect(resolveOptions({ deadlines: { stallMs: null } }).deadlines.stallMs).toBeNull()
})

test('an unknown option is refused by name, and the known ones are told', () => {
  const misspelt = { contenttype: 'text/csv' } as StreamOptions<string>
  expect(() => resolveOptions(misspelt)).toThrow(/Unknown stream option "contenttype"; known are status, contentType/)
})

test('after is a method, and no option', () => {
  const misplaced = { after: () => {} } as StreamOptions<string>
  expect(() => resolveOptions(misplaced)).toThrow(/Unknown stream option "after"/)
})

test('an unknown deadline is refused by name', () => {
  const misspelt = { deadlines: { idle: 10 } } as StreamOptions<string>
  expect(() => resolveOptions(misspelt)).toThrow(/Unknown deadline "idle"/)
})

test.each<[string, StreamOptions<string>]>([
  ['highWaterMark', { highWaterMark: 0 }],
  ['highWaterMark', { highWaterMark: Number.NaN }],
  ['heartbeat.intervalMs', { heartbeat: { intervalMs: -1, frame: ':' } }],
  ['deadlines.idleMs', { deadlines: { idleMs: 0 } }],
  ['deadlines.totalMs', { deadlines: { totalMs: '10' as unknown as number } }],
])('%s must be a number above 0', (name, options) => {
  const problem = expect.objectContaining({ code: 'CZ_STREAM_OPTION', message: expect.stringContaining(name) })
  expect(() => resolveOptions(options)).toThrow(problem)
})

test('an option that is given as undefined keeps its default', () => {
  const options = {
    highWaterMark: undefined,
    contentType: undefined,
    status: undefined,
  } as unknown as StreamOptions<string>
  expect(resolveOptions(options)).toEqual(DEFAULTS)
})

test('a deadline that is given as undefined keeps its default', () => {
  const options = { deadlines: { stallMs: undefined } } as unknown as StreamOptions<string>
  expect(resolveOptions(options).deadlines.stallMs).toBe(60_000)
})
