import { gunzipSync } from 'node:zlib'
import { sendInMemory, type MemoryOptions } from '@catzilla/testkit'
import { StreamingResponse, type StreamWriter } from '@catzilla/streaming'
import { expect, test, vi } from 'vitest'

const loopTurn = () => new Promise(setImmediate)
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await loopTurn()
}

const fromWriter = (produce: (writer: StreamWriter) => unknown, options?: MemoryOptions) =>
  sendInMemory(StreamingResponse.fromWriter(produce), options)

/** A stream in the hands of the test. */
function held() {
  let controller!: ReadableStreamDefaultController<string>
  const cancelled = vi.fn<(reason: unknown) => void>()
  const stream = new ReadableStream<string>({ start: (given) => void (controller = given), cancel: cancelled })
  return { stream, controller, cancelled }
}

test('what is piped in is the body', async () => {
  const exchange = fromWriter((w) => ReadableStream.from(['text ', Buffer.from('bytes')]).pipeTo(w.writable))
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('text bytes')
})

test('it is one stream, whenever it is asked for', () => {
  fromWriter((w) => expect(w.writable).toBe(w.writable))
})

test('pipes of the platform end in it', async () => {
  const text = Array.from({ length: 1_000 }, (_, i) => `row ${i}\n`)
  const exchange = fromWriter((w) =>
    ReadableStream.from(text)
      .pipeThrough(new TextEncoderStream())
      .pipeThrough(new CompressionStream('gzip'))
      .pipeTo(w.writable),
  )
  await exchange.end()
  expect(gunzipSync(Buffer.concat(exchange.sink.frames as Uint8Array[])).toString() === text.join('')).toBe(true)
})

test('the stream goes on until a pipe that nobody awaits is through', async () => {
  const { stream, controller } = held()
  const exchange = fromWriter((w) => void stream.pipeTo(w.writable))
  controller.enqueue('one ')
  await turns(3)
  expect(exchange.sink.calls).toEqual(['write 4', 'flush'])
  controller.enqueue('two')
  controller.close()
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('one two')
})

test('the callback can write on behind a pipe', async () => {
  const exchange = fromWriter(async (w) => {
    await w.write('head ')
    await ReadableStream.from(['body ']).pipeTo(w.writable)
    await w.write('foot')
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('head body foot')
})

test('several pipes one after another, with preventClose, need no close at the end', async () => {
  const exchange = fromWriter(async (w) => {
    await ReadableStream.from(['one ']).pipeTo(w.writable, { preventClose: true })
    await ReadableStream.from(['two']).pipeTo(w.writable, { preventClose: true })
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('one two')
})

test('a WritableStream that was looked at and not used ends with the callback', async () => {
  const exchange = fromWriter((w) => void w.writable)
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
})

test('close() of the writer ends the stream, and the pipe fails', async () => {
  const { stream, controller, cancelled } = held()
  let piped!: Promise<void>
  const exchange = fromWriter((w) => {
    piped = stream.pipeTo(w.writable)
    w.close()
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  controller.enqueue('late')
  await expect(piped).rejects.toMatchObject({ code: 'CZ_STREAM_CLOSED' })
  expect(cancelled).toHaveBeenCalledOnce()
})

test('aborting it breaks the body off, with the reason', async () => {
  const reason = new Error('stop')
  const exchange = fromWriter(async (w) => {
    const writer = w.writable.getWriter()
    await writer.write('before')
    await writer.abort(reason)
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: reason })
  expect(exchange.sink.calls).toEqual(['write 6', 'abort'])
})

test('a source that fails breaks the body off behind what came before, also when nobody awaits the pipe', async () => {
  const { stream, controller } = held()
  const failure = new Error('failed')
  const exchange = fromWriter((w) => void stream.pipeTo(w.writable).catch(() => {}))
  controller.enqueue('before')
  await turns(2)
  controller.error(failure)
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: failure })
  expect(exchange.sink.text).toBe('before')
  expect(exchange.sink.ended).toBe(false)
})

test('a chunk that is neither text nor bytes breaks the body off', async () => {
  const exchange = fromWriter((w) => ReadableStream.from([1]).pipeTo(w.writable as WritableStream<unknown>))
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_ITEM' } })
})

test('a client that leaves cancels the source of a pipe, while it is silent', async () => {
  const { stream, cancelled } = held()
  let piped!: Promise<void>
  const exchange = fromWriter((w) => (piped = stream.pipeTo(w.writable)))
  await turns(2)
  exchange.sink.lose()
  await expect(piped).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED' })
  expect(cancelled).toHaveBeenCalledWith(expect.objectContaining({ code: 'CZ_STREAM_ABORTED' }))
  expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
})

test('what is made of it after the end is errored', async () => {
  let writer!: StreamWriter
  const exchange = fromWriter((w) => {
    writer = w
    return new Promise(() => {})
  })
  exchange.sink.lose()
  await expect(writer.writable.getWriter().closed).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED' })
})

test('a reader that stands still stops the source', async () => {
  let made = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        made++
        controller.enqueue(new Uint8Array(16 * 1024))
      },
    },
    { highWaterMark: 0 },
  )
  const exchange = fromWriter((w) => stream.pipeTo(w.writable).catch(() => {}), { room: 64 * 1024 })
  await turns(20)
  expect(made).toBeLessThanOrEqual(5) // One more waits in the pipe.
  const before = made
  exchange.sink.drain()
  await turns(20)
  expect(made).toBe(before + 4)
  exchange.sink.lose()
})
