import { StreamingResponse, sendStream, type StreamEnd } from '@catzilla/streaming'
import { createWorkerPool, fromWorker, type WorkerPool, type WorkerSource } from '@catzilla/streaming/worker'
import { until, within } from '@catzilla/testkit'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { testModule } from '../../../../tooling/shared/test-build.mjs'

const ROWS = new URL('../fixtures/producers/rows.mjs', import.meta.url)

const pool = createWorkerPool({ size: 1 })
afterAll(() => pool.close())

function ownPool(options: Parameters<typeof createWorkerPool>[0] = { size: 1 }): WorkerPool {
  const made = createWorkerPool(options)
  onTestFinished(() => made.close())
  return made
}

function produce(name: string, args: readonly unknown[] = [], into: WorkerPool = pool): WorkerSource {
  return fromWorker(ROWS, { export: name, args, pool: into })
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts).toString()
}

const flags = () => new Int32Array(new SharedArrayBuffer(8))
/** The last word of a worker comes behind the end of its ring. */
const through = (of: WorkerPool) => until(() => of.stats.streams === 0, 'no stream should be left')

test('what a generator yields in a worker arrives, in order and whole', async () => {
  const rows = (await textOf(produce('default', [100_000]))).split('\n')
  expect(rows).toHaveLength(100_001)
  expect(rows.every((row, i) => i === 100_000 || row === `row ${i}`)).toBe(true)
  expect(await textOf(fromWorker(ROWS, { args: [2], pool }))).toBe('row 0\nrow 1\n')
  expect(await textOf(produce('text'))).toBe('zwölf 🎈 '.repeat(30_000))
})

test('bytes arrive as they are, also in items larger than the ring', async () => {
  const small = ownPool({ size: 1, ringBytes: 1024 })
  let at = 0
  for await (const part of produce('bytes', [5, 100_000], small)) {
    for (const byte of part) if (byte !== Math.floor(at++ / 100_000)) throw new Error(`byte ${at} is wrong`)
  }
  expect(at).toBe(500_000)
  await through(small)
  expect(small.stats).toEqual({ workers: 1, streams: 0, ringBytes: 1024 })
})

test('each kind of source works there', async () => {
  expect(await textOf(produce('slowly', [3]))).toBe('row 0\nrow 1\nrow 2\n')
  expect(await textOf(produce('promised'))).toBe('one two')
  expect(await textOf(produce('later'))).toBe('ab')
})

test('of a response that is made there, the body is taken, encoded', async () => {
  expect(await textOf(produce('response', [testModule('index')]))).toBe('<1><2><3>end')
})

test('a source can be read more than once, each time from its start', async () => {
  const source = produce('default', [1])
  expect([await textOf(source), await textOf(source)]).toEqual(['row 0\n', 'row 0\n'])
})

test('what it throws is thrown here, with its code and status, behind what it has yielded', async () => {
  const early = textOf(produce('failing', [0, 'E_NO_ROWS', 404]))
  await expect(early).rejects.toMatchObject({ name: 'RangeError', message: 'secret', code: 'E_NO_ROWS', status: 404 })
  const iterator = produce('failing', [2])[Symbol.asyncIterator]()
  let text = ''
  const reading = (async () => {
    for (;;) text += Buffer.from((await iterator.next()).value ?? []).toString()
  })()
  await expect(reading).rejects.toMatchObject({ message: 'secret' })
  expect(text).toBe('row 0\nrow 1\n')
  await expect(textOf(produce('throwing', ['no error']))).rejects.toMatchObject({ code: 'CZ_STREAM_SOURCE' })
  await expect(textOf(produce('objects'))).rejects.toMatchObject({ code: 'CZ_STREAM_ITEM' })
})

test('a module, function or argument that will not do is told by name', async () => {
  const missing = fromWorker(new URL('./not-here.mjs', import.meta.url), { pool })
  await expect(textOf(missing)).rejects.toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
  await expect(textOf(produce('nothing'))).rejects.toMatchObject({
    code: 'CZ_PRODUCER_MODULE',
    message: expect.stringContaining(
      'exports no function "nothing" (it exports busy, bytes, constant, default',
    ) as string,
  })
  await expect(textOf(produce('constant'))).rejects.toMatchObject({ code: 'CZ_PRODUCER_MODULE' })
  await expect(textOf(produce('default', [() => {}]))).rejects.toMatchObject({ code: 'CZ_PRODUCER_ARGS' })
  const option = expect.objectContaining({ code: 'CZ_STREAM_OPTION' })
  expect(() => fromWorker('./rows.mjs')).toThrow(option)
  expect(() => fromWorker(ROWS, { arguments: [] } as never)).toThrow(option)
  expect(() => fromWorker(ROWS, { args: 1 } as never)).toThrow(option)
  expect(() => fromWorker(ROWS, { pool: {} as never })).not.toThrow()
  expect(() => createWorkerPool({ size: 0 })).toThrow(option)
  expect(() => createWorkerPool({ ringBytes: 1000 })).toThrow(expect.objectContaining({ code: 'CZ_RING_CAPACITY' }))
})

test('one who stops reading ends the generator, wherever it waits, and its finally runs', async () => {
  for (const name of ['endless', 'silent']) {
    const seen = flags()
    for await (const part of produce(name, [seen])) {
      expect(part.length).toBeGreaterThan(0)
      break
    }
    if (name === 'endless')
      expect(Atomics.load(seen, 1)).toBe(1) // return() is awaited, and it waits for the finally.
    else await through(pool)
  }
  const never = flags()
  await produce('endless', [never])[Symbol.asyncIterator]().return!()
  expect([...never]).toEqual([0, 0])
})

test('a generator is not asked for more than its ring holds', async () => {
  const small = ownPool({ size: 1, ringBytes: 16 * 1024 })
  const seen = flags()
  const iterator = produce('endless', [seen, 64], small)[Symbol.asyncIterator]()
  await iterator.next()
  let before = -1
  await until(() => {
    const now = Atomics.load(seen, 0)
    const rests = now === before
    before = now
    return rests
  }, 'it should come to rest')
  // The ring, one frame that waits, and what was read.
  expect(before * 64).toBeLessThan(16 * 1024 + 2 * 32 * 1024 + 16 * 1024)
  await iterator.return!()
  expect(Atomics.load(seen, 1)).toBe(1)
})

test('streams that nobody reads do not take the worker from others', async () => {
  const one = ownPool()
  const stalled = Array.from({ length: 40 }, () => ({ seen: flags() }))
  const iterators = stalled.map(({ seen }) => produce('endless', [seen], one)[Symbol.asyncIterator]())
  for (const iterator of iterators) await iterator.next()
  expect(one.stats).toMatchObject({ workers: 1, streams: 40 })
  expect(await within(textOf(produce('default', [1_000], one)), 'the stream should get its turns')).toContain('row 999')
  await Promise.all(iterators.map((iterator) => iterator.return!()))
  expect(one.stats).toMatchObject({ workers: 1, streams: 0, ringBytes: 8 * 256 * 1024 })
  for (const { seen } of stalled) expect(Atomics.load(seen, 1)).toBe(1)
})

test('generators of one worker take turns', async () => {
  const one = ownPool()
  const seen = flags()
  const endless = produce('endless', [seen], one)[Symbol.asyncIterator]()
  const drain = (async () => {
    while (!(await endless.next()).done);
  })()
  expect(await textOf(produce('busy', [5, 5], one))).toContain('row 4')
  await endless.return!()
  await drain
})

test('there are as many workers as are needed, and no more than the pool may have', async () => {
  const two = ownPool({ size: 2 })
  expect(two.stats.workers).toBe(0)
  const first = await textOf(produce('thread', [], two))
  await through(two)
  expect(await textOf(produce('thread', [], two))).toBe(first)
  const held = [flags(), flags(), flags()].map((seen) => produce('endless', [seen], two)[Symbol.asyncIterator]())
  for (const iterator of held) await iterator.next()
  expect(two.stats).toMatchObject({ workers: 2, streams: 3 })
  await Promise.all(held.map((iterator) => iterator.return!()))
})

for (const how of ['exit', 'uncaught']) {
  test(`a worker that dies (${how}) breaks its streams only, and is replaced`, async () => {
    const two = ownPool({ size: 2 })
    const other = produce('endless', [flags()], two)[Symbol.asyncIterator]()
    await other.next()
    await expect(textOf(produce('dying', [how], two))).rejects.toMatchObject({
      code: 'CZ_PRODUCER_DIED',
      ...(how === 'uncaught' && { cause: { message: 'nobody catches this' } }),
    })
    expect((await other.next()).done).toBe(false)
    expect(await textOf(produce('default', [1], two))).toBe('row 0\n')
    await other.return!()
  })
}

test('close() breaks off what runs, waits for its clean-up, and ends the workers', async () => {
  const closing = createWorkerPool({ size: 1 })
  const [read, stalled] = [flags(), flags()]
  const reading = textOf(produce('endless', [read], closing))
  const iterator = produce('endless', [stalled], closing)[Symbol.asyncIterator]()
  await iterator.next()
  const [refused] = await Promise.allSettled([reading, closing.close()])
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'CZ_PRODUCER_CLOSED' } })
  await closing.close()
  expect([Atomics.load(read, 1), Atomics.load(stalled, 1)]).toEqual([1, 1])
  expect(closing.stats).toEqual({ workers: 0, streams: 0, ringBytes: 0 })
  await expect(textOf(produce('default', [1], closing))).rejects.toMatchObject({ code: 'CZ_PRODUCER_CLOSED' })
})

test('HEAD does not start anything', async () => {
  const seen = flags()
  const unused = ownPool()
  const ended = new Promise<StreamEnd>((resolve) => {
    sendStream(new StreamingResponse(produce('endless', [seen], unused)), {
      request: { method: 'HEAD', url: '/', headers: { get: () => null }, signal: new AbortController().signal },
      respond: () => ({
        write: () => true,
        drained: async () => {},
        flush: () => {},
        end: () => undefined,
        abort: () => {},
        lost: false,
        onLost: () => {},
      }),
      abortSignal: () => {},
      ended: resolve,
    })
  })
  expect(await ended).toMatchObject({ outcome: 'completed' })
  expect([unused.stats.workers, seen[0]]).toEqual([0, 0])
})
