import { ScriptedSource, sendInMemory, type MemoryOptions } from '@catzilla/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StreamingResponse, type StreamOptions } from '@catzilla/streaming'

const heartbeat = { intervalMs: 100, frame: ':\n' }
const loopTurn = () => new Promise(setImmediate)

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }))
afterEach(() => {
  const timersLeft = vi.getTimerCount()
  vi.useRealTimers()
  expect(timersLeft).toBe(0)
})

/** A stream with a heartbeat, whose source waits for the test. */
async function begin(options: StreamOptions<string>, first: string[], memory?: MemoryOptions) {
  const script = new ScriptedSource(...first)
  const exchange = sendInMemory(new StreamingResponse(script, { heartbeat, ...options }), memory)
  await loopTurn()
  return { script, sink: exchange.sink, end: () => exchange.sink.lose() }
}

test('a heartbeat comes after an interval of silence at the earliest, and one and a half at the latest', async () => {
  const { script, sink, end } = await begin({}, ['first'])
  vi.advanceTimersByTime(30)
  script.give('second')
  await loopTurn()
  vi.advanceTimersByTime(100)
  expect(sink.frames).toEqual(['first', 'second'])
  vi.advanceTimersByTime(50)
  expect(sink.frames).toEqual(['first', 'second', ':\n'])
  expect(sink.calls.slice(-2)).toEqual(['write 2', 'flush'])
  end()
})

test('heartbeats go on as long as the silence does, one an interval', async () => {
  const { sink, end } = await begin({ head: 'eager' }, [])
  vi.advanceTimersByTime(1_050)
  expect(sink.frames).toHaveLength(10)
  end()
})

test('a stream that writes needs no heartbeat', async () => {
  const { script, sink, end } = await begin({}, ['item'])
  for (let i = 0; i < 10; i++) {
    vi.advanceTimersByTime(50)
    script.give('item')
    await loopTurn()
  }
  expect(sink.frames).not.toContain(':\n')
  end()
})

test('a stream has heartbeats from its first item on, and not before', async () => {
  const { script, sink, end } = await begin({}, [])
  vi.advanceTimersByTime(1_000)
  expect(sink.calls).toEqual([])
  script.give('item')
  await loopTurn()
  vi.advanceTimersByTime(200)
  expect(sink.frames).toContain(':\n')
  end()
})

test('a peer that is behind gets no heartbeats on top', async () => {
  const { sink, end } = await begin({}, ['item'], { room: 1 })
  vi.advanceTimersByTime(1_000)
  expect(sink.frames).toEqual(['item'])
  end()
})

test('all streams of an interval share a timer, and the last one stops it', async () => {
  const streams = await Promise.all(
    Array.from({ length: 10 }, () => begin({ head: 'eager', deadlines: { stallMs: null } }, [])),
  )
  expect(vi.getTimerCount()).toBe(1)
  const [last, ...others] = streams
  for (const { end } of others) end()
  await loopTurn()
  expect(vi.getTimerCount()).toBe(1)
  last!.end()
  await loopTurn()
  expect(vi.getTimerCount()).toBe(0)
})
