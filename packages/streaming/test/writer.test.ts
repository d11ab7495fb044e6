import { bodyOf, sendInMemory, type MemoryExchange, type MemoryOptions } from '@catzilla/testkit'
import { expect, test, vi } from 'vitest'
import { StreamingResponse, type StreamWriter } from '@catzilla/streaming'

const loopTurn = () => new Promise(setImmediate)

/** A writer in the hands of the test; `finish` lets its callback return. */
function open(options?: MemoryOptions) {
  let writer!: StreamWriter
  let finish!: () => void
  const response = StreamingResponse.fromWriter((w) => {
    writer = w
    return new Promise<void>((resolve) => (finish = resolve))
  })
  const exchange = sendInMemory(response, options)
  return { writer, finish, exchange, sink: exchange.sink }
}

test('writes are one body, in order', async () => {
  const body = await bodyOf(
    StreamingResponse.fromWriter(async (w) => {
      void w.write('a')
      await w.writeln('b')
      await w.writeln()
      await w.write(Buffer.from('c'))
    }),
  )
  expect(body).toBe('ab\n\nc')
})

test('a callback that returns at once ends the stream', async () => {
  expect(await bodyOf(StreamingResponse.fromWriter((w) => void w.write('body')))).toBe('body')
})

test('writes of one turn share a frame', async () => {
  const { writer, sink, finish } = open()
  void writer.write('one ')
  void writer.write('two')
  await loopTurn()
  expect(sink.frames).toEqual(['one two'])
  finish()
})

test('awaited writes of one turn share a frame, also from the first turn on', async () => {
  const response = StreamingResponse.fromWriter(async (w) => {
    await w.write('one ')
    await w.write('two')
  })
  const exchange = await new Promise<MemoryExchange>((resolve) => setImmediate(() => resolve(sendInMemory(response))))
  await exchange.end()
  expect(exchange.sink.calls).toEqual(['write 7', 'end'])
})

test('awaited writes of one turn share a frame, however late the first comes', async () => {
  const { writer, exchange, finish } = open()
  await new Promise((resolve) => setTimeout(resolve, 10)) // Longer than a turn of the pump.
  await writer.write('one ')
  await writer.write('two')
  finish()
  await exchange.end()
  expect(exchange.sink.calls).toEqual(['write 7', 'end'])
})

test('flush sends what is pending now', () => {
  const { writer, sink, finish } = open()
  void writer.write('one')
  void writer.flush()
  expect(sink.calls).toEqual(['write 3', 'flush'])
  finish()
})

test('flush before the first write sends the head', () => {
  const { writer, sink, finish } = open()
  void writer.flush()
  expect(sink.calls).toEqual(['flush'])
  finish()
})

test('a write settles at once while there is room', async () => {
  const { writer, finish } = open()
  await writer.write('one')
  await writer.write('two')
  finish()
})

test('a write settles when the peer has caught up', async () => {
  const { writer, sink, finish } = open({ room: 1 })
  const settled = vi.fn<() => void>()
  void writer.write('x'.repeat(4_000)).then(settled)
  await loopTurn()
  expect(settled).not.toHaveBeenCalled()
  sink.drain()
  await loopTurn()
  await loopTurn()
  expect(settled).toHaveBeenCalledOnce()
  finish()
})

test('writes without await while the peer is behind are kept, in order', async () => {
  const { writer, sink, exchange } = open({ room: 1 })
  for (let i = 0; i < 5; i++) void writer.write(`${i}`.repeat(3_000))
  writer.close()
  sink.drain()
  await exchange.end()
  expect(sink.text).toBe([0, 1, 2, 3, 4].map((i) => `${i}`.repeat(3_000)).join(''))
})

test('more than 16 MiB without await break the stream', async () => {
  const { writer, exchange } = open({ room: 1 })
  for (let i = 0; i < 20; i++) void writer.write('x'.repeat(1024 * 1024))
  const end = await exchange.end()
  expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_WRITER_AHEAD' } })
  expect((end.error as Error).message).toContain('await write()')
})

test('close ends the stream, and later calls reject', async () => {
  const { writer, exchange } = open()
  void writer.write('body')
  writer.close()
  expect(writer.closed).toBe(true)
  await expect(writer.write('late')).rejects.toMatchObject({ code: 'CZ_STREAM_CLOSED' })
  await expect(writer.writeln('late')).rejects.toMatchObject({ code: 'CZ_STREAM_CLOSED' })
  await expect(writer.flush()).rejects.toMatchObject({ code: 'CZ_STREAM_CLOSED' })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('body')
})

test('closing twice is closing once', async () => {
  const { writer, exchange, finish } = open()
  writer.close()
  writer.close()
  finish()
  await exchange.end()
  expect(exchange.sink.calls).toEqual(['end'])
})

test('a bad item rejects, and breaks the stream off behind what came before, awaited or not', async () => {
  const { writer, exchange, finish } = open()
  await writer.write('good')
  await expect(writer.write(42 as unknown as string)).rejects.toMatchObject({ code: 'CZ_STREAM_ITEM' })
  finish() // The callback returns as if nothing had happened.
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_ITEM' } })
  expect(exchange.sink.calls).toEqual(['write 4', 'abort'])
})

test('a bad item ahead of all others leaves the answer to the host', async () => {
  const { writer, exchange, finish } = open()
  void writer.write({} as unknown as string)
  finish()
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
})

test('a write that waits rejects when the peer is lost', async () => {
  const { writer, sink } = open({ room: 1 })
  const waiting = writer.write('x'.repeat(4_000))
  sink.lose()
  await expect(waiting).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED' })
  await expect(writer.write('late')).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED' })
  expect(writer.closed).toBe(true)
  expect(writer.signal.aborted).toBe(true)
})

test('promises that nobody looks at do not crash the process', async () => {
  const { writer, sink } = open({ room: 1 })
  void writer.write('x'.repeat(4_000))
  sink.lose()
  void writer.write('late')
  void writer.flush()
  await loopTurn() // An unhandled rejection is reported by now, and fails the run.
})

test('a callback that throws before it writes leaves the answer to the host', async () => {
  const exchange = sendInMemory(
    StreamingResponse.fromWriter(() => {
      throw new Error('failed')
    }),
  )
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
})

test('a callback that rejects after a write breaks the stream off behind it', async () => {
  const exchange = sendInMemory(
    StreamingResponse.fromWriter(async (w) => {
      await w.write('before')
      throw new Error('failed')
    }),
  )
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: true })
  expect(exchange.sink.calls).toEqual(['write 6', 'abort'])
})

test('writing goes on turn by turn, however much room there is', async () => {
  let writes = 0
  const exchange = sendInMemory(
    StreamingResponse.fromWriter(async (w) => {
      while (!w.closed) {
        await w.write('x'.repeat(1_000))
        writes++
      }
    }),
  )
  await loopTurn()
  expect(writes).toBeLessThan(1_200)
  exchange.sink.lose()
})
