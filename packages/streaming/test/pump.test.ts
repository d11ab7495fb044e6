import { EndlessSource, Journal, ScriptedSource, sendInMemory } from '@catzilla/testkit'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { StreamingResponse } from '@catzilla/streaming'

const KIB = 1024
const loopTurn = () => new Promise(setImmediate)

afterEach(() => void vi.restoreAllMocks())

describe('the peer', () => {
  test('nothing is written between "no room" and drain', async () => {
    const source = new EndlessSource()
    const { sink, handle } = sendInMemory(new StreamingResponse(source.sync()), { room: 10 * KIB })
    const written = sink.calls.length
    const { produced } = source
    await loopTurn()
    await loopTurn()
    expect(sink.calls).toHaveLength(written)
    expect(source.produced).toBe(produced)
    sink.drain()
    await loopTurn()
    await loopTurn()
    expect(source.produced).toBeGreaterThan(produced)
    handle!.stop('shutdown', new Error('enough seen'))
  })

  test('an async source that was asked before the peer fell behind is not asked again', async () => {
    const script = new ScriptedSource('first')
    const { sink } = sendInMemory(new StreamingResponse(script), { room: 1 })
    await loopTurn()
    script.give('under way', 'one too many')
    await loopTurn()
    expect(script.journal.times('next')).toBe(2)
    expect(sink.frames).toEqual(['first'])
    sink.drain()
    await loopTurn()
    await loopTurn()
    expect(sink.frames).toEqual(['first', 'under wayone too many'])
    sink.lose()
  })

  test('a drain within the turn gives the loop its turn before the source is asked again', async () => {
    const source = new EndlessSource()
    const { sink, handle } = sendInMemory(new StreamingResponse(source.sync()), { room: 10 * KIB })
    const { produced } = source
    sink.drain()
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect(source.produced).toBe(produced)
    handle!.stop('shutdown', new Error('enough seen'))
  })

  test('a loss while the pump waits for room returns the source once', async () => {
    const source = new EndlessSource()
    const exchange = sendInMemory(new StreamingResponse(source.sync()), { room: 1 })
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort', committed: true })
    expect(source.journal.times('finally')).toBe(1)
    expect(exchange.ends).toHaveLength(1)
  })

  test('a loss before the start releases the source without asking it', async () => {
    const script = new ScriptedSource('item')
    const exchange = sendInMemory(new StreamingResponse(script), { lost: true })
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort', committed: false })
    expect(script.journal.events).toEqual(['return'])
    expect(exchange.sink.frames).toEqual([])
  })

  test('a loss while the last bytes are on their way is a client-abort', async () => {
    const exchange = sendInMemory(new StreamingResponse('body'), { slowEnd: true })
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
    expect(exchange.request.signal.aborted).toBe(true)
  })

  test('a loss after the end changes nothing', async () => {
    const exchange = sendInMemory(new StreamingResponse('body'))
    await exchange.end()
    exchange.sink.lose()
    expect(exchange.ends).toMatchObject([{ outcome: 'completed' }])
    expect(exchange.request.signal.aborted).toBe(false)
  })
})

describe('turns', () => {
  test('a turn is over after 1 MiB', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(1) // Not after 2 ms.
    const source = new EndlessSource()
    const { handle } = sendInMemory(new StreamingResponse(source.sync()))
    expect(source.produced).toBeGreaterThanOrEqual(1024 * KIB)
    expect(source.produced).toBeLessThan(1088 * KIB)
    const { produced } = source
    await loopTurn()
    expect(source.produced).toBeGreaterThan(produced)
    handle!.stop('shutdown', new Error('enough seen'))
  })

  test('a turn is over after 2 ms, seen at the items 1, 2, 4, 8 …', () => {
    let clock = 1
    vi.spyOn(performance, 'now').mockImplementation(() => clock)
    let items = 0
    const source = function* () {
      for (;;) {
        clock += 0.3
        items++
        yield 'x'
      }
    }
    const { sink, handle } = sendInMemory(new StreamingResponse(source))
    expect(items).toBe(8)
    expect(sink.frames).toEqual(['xxxxxxxx'])
    expect(sink.calls.at(-1)).toBe('flush')
    handle!.stop('shutdown', new Error('enough seen'))
  })

  test('an item that took 2 ms to make leaves at once', () => {
    let clock = 1
    vi.spyOn(performance, 'now').mockImplementation(() => clock)
    const source = function* () {
      clock += 2
      yield 'slow'
      yield 'next'
    }
    const { sink } = sendInMemory(new StreamingResponse(source))
    expect(sink.frames).toEqual(['slow'])
  })

  test('an async source that never lets the loop turn has turns too', async () => {
    const source = new EndlessSource()
    const { handle } = sendInMemory(new StreamingResponse(source.async()))
    await loopTurn()
    expect(source.produced).toBeGreaterThan(0)
    handle!.stop('shutdown', new Error('enough seen'))
    await source.journal.first('finally')
  })
})

describe('the head', () => {
  test('nothing is committed before the first item', async () => {
    const script = new ScriptedSource()
    const { sink } = sendInMemory(new StreamingResponse(script))
    await loopTurn()
    expect(sink.calls).toEqual([])
    script.end()
  })

  test('an eager head leaves alone when the source makes us wait', async () => {
    const script = new ScriptedSource()
    const { sink } = sendInMemory(new StreamingResponse(script, { head: 'eager' }))
    await loopTurn()
    expect(sink.calls).toEqual(['flush'])
    script.end()
  })

  test('an eager head leaves with a body that is there at once', async () => {
    const exchange = sendInMemory(new StreamingResponse('body', { head: 'eager' }))
    await exchange.end()
    expect(exchange.sink.calls).toEqual(['write 4', 'end'])
  })
})

describe('ends', () => {
  const failure = new Error('failed')

  test('the last frame and the end leave together', async () => {
    const exchange = sendInMemory(new StreamingResponse(['one', 'two']))
    expect(await exchange.end()).toEqual({ outcome: 'completed', error: undefined, committed: true })
    expect(exchange.sink.calls).toEqual(['write 6', 'end'])
  })

  test('an error before the first item leaves the answer to the host', async () => {
    const exchange = sendInMemory(
      new StreamingResponse(function* () {
        throw failure
      }),
    )
    expect(await exchange.end()).toEqual({ outcome: 'source-error', error: failure, committed: false })
    expect(exchange.sink.calls).toEqual([])
  })

  test('an error before the first item leaves nothing of a lead behind', async () => {
    const script = new ScriptedSource()
    const exchange = sendInMemory(new StreamingResponse(script, { encoder: () => ({ lead: () => '[' }) }))
    await loopTurn()
    script.fail(failure)
    expect(await exchange.end()).toEqual({ outcome: 'source-error', error: failure, committed: false })
    expect(exchange.sink.calls).toEqual([])
  })

  test('an error after it sends what came before, and breaks off', async () => {
    const exchange = sendInMemory(
      new StreamingResponse(function* () {
        yield 'before'
        throw failure
      }),
    )
    expect(await exchange.end()).toEqual({ outcome: 'source-error', error: failure, committed: true })
    expect(exchange.sink.calls).toEqual(['write 6', 'abort'])
    expect(exchange.sink.aborted).toEqual({ reason: failure })
  })

  test('a generator that threw is not told to return', async () => {
    const journal = new Journal()
    const source = {
      next() {
        throw failure
      },
      return: journal.noting('return'),
    }
    await sendInMemory(new StreamingResponse(source as unknown as Iterator<string>)).end()
    expect(journal.events).toEqual([])
  })

  test.each([
    ['at once', () => undefined],
    ['later', async () => undefined],
  ])('a next() that gives no result, %s, is a source error', async (_when, next) => {
    const exchange = sendInMemory(new StreamingResponse({ next } as unknown as Iterator<string>))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
  })

  test('a bare iterator may leave out `done`', async () => {
    const items = ['one', 'two']
    const next = () => (items.length > 0 ? { value: items.shift() } : { done: true })
    const exchange = sendInMemory(new StreamingResponse({ next } as unknown as Iterator<string>))
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.sink.text).toBe('onetwo')
  })

  test('a bad item returns the source', async () => {
    const script = new ScriptedSource('good', 42)
    const exchange = sendInMemory(new StreamingResponse(script))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_ITEM' } })
    expect(script.journal.times('return')).toBe(1)
    expect(exchange.sink.text).toBe('good')
  })

  test('stop() ends the stream with its outcome and reason', async () => {
    const reason = new Error('the server closes')
    const script = new ScriptedSource('first')
    const exchange = sendInMemory(new StreamingResponse(script))
    await loopTurn()
    exchange.handle!.stop('shutdown', reason)
    expect(await exchange.end()).toEqual({ outcome: 'shutdown', error: reason, committed: true })
    expect(exchange.request.signal.reason).toBe(reason)
    expect(exchange.sink.calls.at(-1)).toBe('abort')
    expect(script.journal.times('return')).toBe(1)
  })

  test('stop() from inside the source waits until that has yielded', async () => {
    const journal = new Journal()
    const exchange = sendInMemory(
      new StreamingResponse(function* () {
        try {
          yield Promise.resolve('first')
          exchange.handle!.stop('shutdown', new Error('enough'))
          journal.note('stopped')
          yield 'never sent'
          journal.note('asked again')
        } finally {
          journal.note('finally')
        }
      }),
    )
    expect(await exchange.end()).toMatchObject({ outcome: 'shutdown' })
    expect(journal.events).toEqual(['stopped', 'finally'])
    expect(exchange.sink.text).not.toContain('never sent')
  })

  test('stop() after the end has no effect', async () => {
    const exchange = sendInMemory(new StreamingResponse('body'))
    await exchange.end()
    exchange.handle!.stop('shutdown', new Error('late'))
    expect(exchange.ends).toHaveLength(1)
  })

  test.each([
    ['throws', () => Promise.reject(failure)],
    [
      'throws at once',
      () => {
        throw failure
      },
    ],
  ])('a clean-up that %s does not change the outcome', async (_how, clean) => {
    const script = new ScriptedSource('first')
    script.return = clean
    const exchange = sendInMemory(new StreamingResponse(script))
    await loopTurn()
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort', error: undefined })
  })

  test('the end is reported after 5 s when a clean-up does not end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const script = new ScriptedSource('first')
      script.return = () => new Promise(() => {})
      const exchange = sendInMemory(new StreamingResponse(script))
      await loopTurn()
      exchange.sink.lose()
      vi.advanceTimersByTime(4_999)
      expect(exchange.ends).toEqual([])
      vi.advanceTimersByTime(1)
      expect(exchange.ends).toMatchObject([{ outcome: 'client-abort' }])
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a declared length', () => {
  const declared = (length: number, source: Iterable<string>) =>
    sendInMemory(new StreamingResponse(source, { headers: { 'content-length': length } }))

  test('counts bytes, and not characters', async () => {
    const exchange = declared(6, ['héllo'])
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  })

  test('is enforced against a longer body, of which nothing too much is sent', async () => {
    const exchange = declared(5, ['12', '3456'])
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
    expect(exchange.sink.calls).toEqual(['abort'])
  })

  test('is enforced against a shorter body', async () => {
    const exchange = declared(5, ['123'])
    const { error } = await exchange.end()
    expect((error as Error).message).toBe('The body is 2 bytes shorter than its declared Content-Length')
    expect(exchange.sink.calls).toEqual(['write 3', 'abort'])
  })

  test('is kept by what a failing source leaves behind', async () => {
    const exchange = declared(
      5,
      (function* () {
        yield '123456'
        throw new Error('failed')
      })(),
    )
    await exchange.end()
    expect(exchange.sink.calls).toEqual(['abort'])
  })

  test('of a body that is empty against it leaves the answer to the host', async () => {
    const exchange = declared(5, [])
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
    expect(exchange.sink.calls).toEqual([])
  })

  test('includes the tail', async () => {
    const options = { headers: { 'content-length': 4 }, tail: () => 'th' }
    const exchange = sendInMemory(new StreamingResponse(['wi'], options))
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  })
})
