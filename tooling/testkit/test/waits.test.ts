import { expect, test } from 'vitest'
import { Journal, Progress, settled, until, within } from '../src/waits.ts'

test('every wait is bounded, and says what it waited for', async () => {
  const never = new Promise<never>(() => {})
  await expect(until(() => false, 'the moon', 20)).rejects.toThrow('the moon: not within 20 ms')
  await expect(within(never, 'the sun', 20)).rejects.toThrow('the sun: not within 20 ms')
  const look = () => undefined
  await expect(new Progress().until(look, () => 'a star', 20)).rejects.toThrow('a star: not within 20 ms')
  await expect(new Journal().first('dawn', 20)).rejects.toThrow('"dawn" should happen (so far: nothing)')
})

test('a wait for progress ends with what it sees, at once or later', async () => {
  const progress = new Progress()
  let value: number | undefined = 1
  expect(
    await progress.until(
      () => value,
      () => 'a value',
    ),
  ).toBe(1)
  value = undefined
  const later = progress.until(
    () => value,
    () => 'a value',
  )
  value = 2
  progress.happened()
  expect(await later).toBe(2)
})

test('progress that failed fails its waits, but not those that see what they want', async () => {
  const progress = new Progress()
  const waiting = progress.until(
    () => undefined,
    () => 'a value',
  )
  progress.failed(new Error('broken'))
  await expect(waiting).rejects.toThrow('a value: broken')
  await expect(
    progress.until(
      () => undefined,
      () => 'a value',
    ),
  ).rejects.toThrow('a value: broken')
  expect(
    await progress.until(
      () => 'seen',
      () => 'a value',
    ),
  ).toBe('seen')
})

test('a journal knows what happened, how often, in order and with what', async () => {
  const journal = new Journal()
  const second = journal.first('second')
  journal.note('first', 1)
  journal.noting('second')(2)
  journal.note('first', 3)
  expect(await second).toBe(2)
  expect(await journal.first('first')).toBe(1)
  expect(journal.times('first')).toBe(2)
  expect(journal.events).toEqual(['first', 'second', 'first'])
  expect(journal.timeOf('second')).toBeGreaterThanOrEqual(journal.timeOf('first'))
  expect(() => journal.timeOf('third')).toThrow('"third" has not happened')
})

test('settled waits until a number stays the same', async () => {
  let count = 0
  const counting = setInterval(() => ++count === 5 && clearInterval(counting), 5)
  expect(await settled(() => count, 'the count', 50)).toBe(5)
})
