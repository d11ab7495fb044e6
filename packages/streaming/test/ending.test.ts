import { sendInMemory } from '@catzilla/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StreamingResponse } from '@catzilla/streaming'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const deadlines = { stallMs: 1_000 }

test('a sink that hands everything over at once ends the stream at once', () => {
  const after = vi.fn()
  const { ends, sink } = sendInMemory(new StreamingResponse(['all'], { deadlines }).after(after), { promptEnd: true })
  expect(sink.calls).toEqual(['write 3', 'end'])
  expect(ends).toEqual([{ outcome: 'completed', error: undefined, committed: true }])
  expect(after).toHaveBeenCalledExactlyOnceWith(ends[0])
  expect(vi.getTimerCount()).toBe(0) // Nobody waits for it.
})

test('an end that is on its way for too long is a timeout', async () => {
  const { ends, sink } = sendInMemory(new StreamingResponse(['all'], { deadlines }), { slowEnd: true })
  await vi.advanceTimersByTimeAsync(900)
  expect(ends).toEqual([])
  await vi.advanceTimersByTimeAsync(500)
  expect(ends).toMatchObject([{ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' } }])
  expect(sink.aborted).toBeDefined()
})

test('an end that arrives is not waited for', async () => {
  const { ends } = sendInMemory(new StreamingResponse(['all'], { deadlines }))
  await vi.advanceTimersByTimeAsync(5_000)
  expect(ends).toMatchObject([{ outcome: 'completed' }])
})
