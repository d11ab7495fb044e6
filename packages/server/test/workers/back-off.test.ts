import { expect, test } from 'vitest'
import { backOff, RESTARTS } from '../../src/workers/back-off.ts'

const waits = (random: number) => Array.from({ length: 12 }, (_, index) => backOff(index + 1, RESTARTS, random))

test('the wait doubles with each crash in a row, up to its bound', () => {
  const twelve = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]
  expect(waits(1)).toEqual(twelve)
})

test('at most half of a wait is chance, and never more', () => {
  expect(waits(0)).toEqual(waits(1).map((ms) => ms / 2))
  for (let i = 0; i < 100; i++) {
    const ms = backOff(4, RESTARTS)
    expect(ms).toBeGreaterThanOrEqual(400)
    expect(ms).toBeLessThanOrEqual(800)
  }
})
