import { EndlessSource, ScriptedSource, sendInMemory, type MemoryExchange, type MemoryOptions } from '@catzilla/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StreamingResponse, type StreamDeadlines, type StreamItem, type StreamSource } from '@catzilla/streaming'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  const timersLeft = vi.getTimerCount()
  vi.useRealTimers()
  expect(timersLeft).toBe(0)
})

const loopTurn = () => new Promise(setImmediate)

function send(source: StreamSource<StreamItem>, deadlines: StreamDeadlines, options?: MemoryOptions): MemoryExchange {
  return sendInMemory(new StreamingResponse(source, { deadlines }), options)
}

/** Lets time pass, after what is under way has come to rest, and before the next look. */
async function pass(ms: number): Promise<void> {
  await loopTurn()
  await loopTurn()
  vi.advanceTimersByTime(ms)
  await loopTurn()
}

async function expectTimeout(exchange: MemoryExchange, message: RegExp): Promise<void> {
  await loopTurn()
  expect(exchange.ends).toMatchObject([{ outcome: 'timeout', error: { code: 'CZ_STREAM_TIMEOUT' } }])
  expect((exchange.ends[0]!.error as Error).message).toMatch(message)
}

test('firstItemMs runs out without a first item', async () => {
  const script = new ScriptedSource()
  const exchange = send(script, { firstItemMs: 100 })
  await pass(99)
  expect(exchange.ends).toEqual([])
  await pass(1)
  await expectTimeout(exchange, /the source gave no first item within 100 ms/)
  expect(exchange.ends[0]!.committed).toBe(false)
  expect(script.journal.times('return')).toBe(1)
})

test('firstItemMs is met by an item of a sync source, however slow the peer is then', async () => {
  const source = new EndlessSource()
  const exchange = send(source.sync(), { firstItemMs: 100, stallMs: null }, { room: 1 })
  await pass(1_000)
  expect(exchange.ends).toEqual([])
  exchange.sink.lose()
})

test('idleMs counts from the last item', async () => {
  const script = new ScriptedSource('one')
  const exchange = send(script, { idleMs: 100 })
  await pass(60)
  script.give('two')
  await pass(60)
  expect(exchange.ends).toEqual([])
  await pass(50)
  await expectTimeout(exchange, /the source gave no item within 100 ms/)
  expect(exchange.sink.calls.at(-1)).toBe('abort')
})

test('idleMs does not count while the peer is behind', async () => {
  const script = new ScriptedSource('x'.repeat(100), 'in flight')
  const exchange = send(script, { idleMs: 100, stallMs: null }, { room: 1 })
  await pass(1_000)
  expect(exchange.ends).toEqual([])
  exchange.sink.drain()
  await pass(90)
  exchange.sink.drain()
  expect(exchange.ends).toEqual([])
  await pass(200)
  await expectTimeout(exchange, /no item/)
})

test('idleMs does not count once the source is through', async () => {
  const exchange = send(['body'], { idleMs: 100, firstItemMs: 100 }, { slowEnd: true })
  await pass(1_000)
  expect(exchange.ends).toEqual([])
  exchange.sink.drain()
  await loopTurn()
  expect(exchange.ends).toMatchObject([{ outcome: 'completed' }])
})

test('totalMs counts whatever happens', async () => {
  const script = new ScriptedSource()
  const exchange = send(script, { totalMs: 100 })
  for (let i = 0; i < 9; i++) {
    script.give('item')
    await pass(10)
  }
  expect(exchange.ends).toEqual([])
  await pass(10)
  await expectTimeout(exchange, /it was not through within 100 ms/)
})

test('stallMs counts from the moment when the peer fell behind', async () => {
  const exchange = send(new EndlessSource().sync(), { stallMs: 100 }, { room: 1 })
  await pass(90)
  exchange.sink.drain()
  await pass(90)
  expect(exchange.ends).toEqual([])
  await pass(10)
  await expectTimeout(exchange, /the client took nothing/)
})

test('stallMs is a minute unless something else is asked for', async () => {
  const exchange = sendInMemory(new StreamingResponse(new EndlessSource().sync()), { room: 1 })
  await pass(59_999)
  expect(exchange.ends).toEqual([])
  await pass(1)
  await expectTimeout(exchange, /within 60000 ms/)
})

test('stallMs bounds the end of a body too', async () => {
  const exchange = send(['body'], { stallMs: 1_000 }, { slowEnd: true })
  await pass(1_000)
  expect(exchange.ends).toEqual([]) // It counts from when the end has turned out to be slow.
  await pass(200)
  await expectTimeout(exchange, /the client took nothing/)
})

test('minBytesPerSecond counts after a grace of 5 seconds', async () => {
  const bytes = 10_000
  const exchange = send(['x'.repeat(bytes), 'next'], { minBytesPerSecond: 1_000 }, { room: 1 })
  await pass(5_000 + 9_999)
  expect(exchange.ends).toEqual([])
  await pass(1)
  await expectTimeout(exchange, /or too little/)
})

test('null switches the default off', async () => {
  const exchange = send(new EndlessSource().sync(), { stallMs: null }, { room: 1 })
  await pass(1_000_000)
  expect(exchange.ends).toEqual([])
  exchange.sink.lose()
})

test('an item that arrived while the whole process paused is not late', async () => {
  const script = new ScriptedSource('one')
  const exchange = send(script, { idleMs: 100 })
  await loopTurn()
  vi.advanceTimersByTime(500) // The timer fires first, as it does after a pause.
  script.give('two')
  await loopTurn()
  expect(exchange.ends).toEqual([])
  exchange.sink.lose()
  await loopTurn()
})

test('a stream that ends in time leaves no timer behind', async () => {
  const exchange = send(['body'], { firstItemMs: 100, idleMs: 100, totalMs: 100 })
  await exchange.end()
  await pass(100) // One timer of all streams looks for ends that are slow.
  expect(vi.getTimerCount()).toBe(0)
})
