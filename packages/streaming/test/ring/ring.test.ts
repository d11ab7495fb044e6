import { Worker } from 'node:worker_threads'
import { RingBuffer, type RingConsumer, type RingProducer } from '@catzilla/streaming/ring'
import { expect, onTestFinished, test } from 'vitest'
import { testModule } from '../../../../tooling/shared/test-build.mjs'

const bytes = (...values: number[]) => new Uint8Array(values)

function ends(capacity: number, kind: 'bytes' | 'records'): { producer: RingProducer; consumer: RingConsumer } {
  const ring = RingBuffer.create({ capacity, kind })
  return { producer: ring.producer(), consumer: RingBuffer.open(ring.memory).consumer() }
}

test('a ring is full to its last byte, and empty again', () => {
  const { producer, consumer } = ends(8, 'bytes')
  expect(consumer.read()).toBeUndefined()
  expect(producer.write(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9))).toBe(8)
  expect([producer.free, consumer.available]).toEqual([0, 8])
  expect(producer.write(bytes(9))).toBe(0)
  expect(producer.region()).toHaveLength(0)
  expect(consumer.read(3)).toEqual(bytes(1, 2, 3))
  expect(producer.write(bytes(9, 10, 11, 12))).toBe(3)
  expect(consumer.read()).toEqual(bytes(4, 5, 6, 7, 8, 9, 10, 11))
  expect(consumer.read()).toBeUndefined()
  expect([producer.free, consumer.available]).toEqual([8, 0])
})

test('a record fills a ring but for its length word, and one that never fits is refused', () => {
  const { producer, consumer } = ends(16, 'records')
  expect(producer.writeRecord(new Uint8Array(12).fill(7))).toBe(true)
  expect(producer.writeRecord(bytes())).toBe(false)
  expect(consumer.readRecord()).toEqual(new Uint8Array(12).fill(7))
  expect(producer.writeRecord(bytes())).toBe(true)
  expect(consumer.readRecord()).toEqual(bytes())
  expect(consumer.readRecord()).toBeUndefined()
  expect(() => producer.writeRecord(new Uint8Array(13))).toThrow(
    expect.objectContaining({ name: 'RangeError', code: 'CZ_RING_RECORD' }),
  )
})

test('memory can be written and read in place', () => {
  const { producer, consumer } = ends(8, 'bytes')
  producer.write(bytes(0, 0, 0, 0, 0))
  consumer.read()
  const region = producer.region()
  expect(region).toHaveLength(3) // To the end; the rest of the room lies at the front.
  region.set([1, 2, 3])
  expect(consumer.peek()).toHaveLength(0)
  producer.advance(3)
  producer.write(bytes(4))
  expect([...consumer.peek()]).toEqual([1, 2, 3])
  consumer.advance(2)
  expect(consumer.read()).toEqual(bytes(3, 4))
  expect(() => producer.advance(9)).toThrow(RangeError)
  expect(() => consumer.advance(1)).toThrow(RangeError)
})

test('the end, and what went wrong, come behind what was written', () => {
  const ending = ends(8, 'bytes')
  ending.producer.write(bytes(1))
  ending.producer.end()
  expect(ending.consumer.status).toBe('open')
  ending.consumer.read()
  expect([ending.consumer.status, ending.consumer.failure]).toEqual(['ended', undefined])
  expect(() => ending.producer.write(bytes(2))).toThrow(expect.objectContaining({ code: 'CZ_RING_CLOSED' }))

  const failing = ends(8, 'records')
  failing.producer.stageRecord(bytes(1))
  failing.producer.fail(`${'x'.repeat(122)}é and more`) // Cut before the character that does not fit.
  failing.producer.end() // Too late.
  expect(failing.consumer.status).toBe('open')
  failing.consumer.readRecord()
  expect(failing.consumer.status).toBe('failed')
  expect(failing.consumer.failure).toBe(`${'x'.repeat(122)}é`)
})

test('a reset ring is as a new one', () => {
  const ring = RingBuffer.create({ capacity: 8 })
  ring.producer().write(bytes(1, 2, 3))
  ring.producer().end()
  ring.consumer().cancel()
  ring.reset()
  expect(ring.producer().cancelled).toBe(false)
  ring.producer().write(bytes(4))
  expect(ring.consumer().read()).toEqual(bytes(4))
  expect(ring.consumer().status).toBe('open')
})

test('waits say at once what is so already, and time out otherwise', async () => {
  const { producer, consumer } = ends(8, 'bytes')
  expect(consumer.waitReadable(1)).toBe(false)
  expect(producer.waitWritable(8, 1)).toBe(true)
  expect(producer.writable(8)).toBeUndefined()
  producer.write(new Uint8Array(8))
  expect(producer.waitWritable(1, 1)).toBe(false)
  expect(consumer.readable()).toBeUndefined()
  consumer.read()

  const readable = consumer.readable()
  producer.write(new Uint8Array(8))
  await readable
  const half = producer.writable(4)
  consumer.read(3)
  expect(await Promise.race([half, new Promise((resolve) => setImmediate(resolve, 'still asleep'))])).toBe(
    'still asleep',
  )
  consumer.read(1)
  await half
  expect(producer.free).toBe(4)

  const cancelled = producer.writable(8)
  consumer.cancel()
  await cancelled
  expect(producer.cancelled).toBe(true)
})

test('wake() ends a wait of the same end', async () => {
  const { producer, consumer } = ends(8, 'bytes')
  const readable = consumer.readable()
  consumer.wake()
  await readable
  producer.write(new Uint8Array(8))
  const writable = producer.writable()
  producer.wake()
  await writable
})

test('what no ring can be is refused', () => {
  for (const capacity of [0, 4, 12, 2 ** 31, Number.NaN]) {
    expect(() => RingBuffer.create({ capacity })).toThrow(expect.objectContaining({ code: 'CZ_RING_CAPACITY' }))
  }
  expect(() => RingBuffer.create({ kind: 'words' as never })).toThrow(
    expect.objectContaining({ code: 'CZ_STREAM_OPTION' }),
  )
  expect(() => RingBuffer.create({ size: 8 } as never)).toThrow(expect.objectContaining({ code: 'CZ_STREAM_OPTION' }))
  expect(() => ends(8, 'bytes').producer.writeRecord(bytes())).toThrow(
    expect.objectContaining({ code: 'CZ_RING_KIND' }),
  )
  expect(() => ends(8, 'records').consumer.read()).toThrow(expect.objectContaining({ code: 'CZ_RING_KIND' }))

  const flawed = (cell: number, value: number) => {
    const { memory } = RingBuffer.create({ capacity: 16 })
    new Int32Array(memory)[cell] = value
    return memory
  }
  const memories = [flawed(0, 1), flawed(1, 2), flawed(2, 7), flawed(3, 12), flawed(3, 32), flawed(3, -1)]
  for (const memory of [...memories, new SharedArrayBuffer(8), new ArrayBuffer(1024) as never]) {
    expect(() => RingBuffer.open(memory)).toThrow(expect.objectContaining({ code: 'CZ_RING_MEMORY' }))
  }
})

test('positions and lengths that cannot be give a typed error', () => {
  const corrupt = expect.objectContaining({ code: 'CZ_RING_CORRUPT' })
  const broken = (cell: number, value: number, kind: 'bytes' | 'records' = 'bytes') => {
    const ring = RingBuffer.create({ capacity: 16, kind })
    const [producer, consumer] = [ring.producer(), ring.consumer()]
    if (kind === 'bytes') producer.write(bytes(1, 2, 3, 4))
    else producer.writeRecord(bytes(1, 2, 3, 4))
    new Int32Array(ring.memory)[cell] = value
    return { producer, consumer }
  }
  expect(() => broken(32, 17).consumer.read()).toThrow(corrupt) // tail
  expect(() => broken(32, -1).consumer.available).toThrow(corrupt)
  expect(() => broken(64, 5).producer.free).toThrow(corrupt) // head
  expect(() => broken(33, 9).consumer.status).toThrow(corrupt) // state
  for (const length of [5, 13, -1, -4, 0x7fffffff]) {
    expect(() => broken(128, length, 'records').consumer.readRecord()).toThrow(corrupt)
  }
  expect(() => broken(32, 3, 'records').consumer.readRecord()).toThrow(corrupt)
})

/** Whole numbers below a bound, the same in every run. */
function seeded(seed: number): (bound: number) => number {
  let state = seed * 2654435761
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

for (let seed = 1; seed <= 20; seed++) {
  test(`a ring is a queue, whatever the sizes (seed ${seed})`, () => {
    const random = seeded(seed)
    const capacity = 8 << random(6)
    const kind = seed % 2 === 0 ? 'bytes' : 'records'
    const { producer, consumer } = ends(capacity, kind)
    const queue: number[] = []
    const records: number[][] = []
    let used = 0
    for (let round = 0; round < 3_000; round++) {
      const length = random(capacity + 4)
      const data = Uint8Array.from({ length }, () => random(256))
      if (kind === 'bytes') {
        const taken = random(2) === 0 ? producer.write(data) : producer.stage(data)
        expect(taken).toBe(Math.min(length, capacity - queue.length))
        queue.push(...data.subarray(0, taken))
        producer.publish()
        const target = new Uint8Array(random(capacity))
        const read = random(2) === 0 ? consumer.read(target.length) : target.subarray(0, consumer.readInto(target))
        expect([...(read ?? [])]).toEqual(queue.splice(0, Math.min(target.length, queue.length)))
        expect(consumer.available).toBe(queue.length)
      } else {
        const size = 4 + Math.ceil(length / 4) * 4
        if (size <= capacity) {
          const fits = size <= capacity - used
          expect(producer.stageRecord(data)).toBe(fits)
          if (fits) {
            records.push([...data])
            used += size
          }
        }
        if (random(3) === 0) continue
        producer.publish()
        for (let reads = random(4); reads > 0; reads--) {
          const expected = records.shift()
          const record = consumer.readRecord()
          expect(record && [...record]).toEqual(expected)
          used -= expected === undefined ? 0 : 4 + Math.ceil(expected.length / 4) * 4
        }
      }
    }
  })
}

const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads'
  const { RingBuffer } = await import(workerData.ring)
  const [up, down] = [RingBuffer.open(workerData.up).consumer(), RingBuffer.open(workerData.down).producer()]
  // Echoes, in whatever pieces.
  while (up.status === 'open') {
    up.waitReadable()
    const bytes = up.read()
    for (let at = 0; bytes !== undefined && at < bytes.length; ) {
      down.waitWritable()
      at += down.write(bytes.subarray(at))
    }
  }
  down.end()
  parentPort.postMessage('done')
`

test('a megabyte goes to a worker and back through rings of 1 KiB, both sleeping and waking', async () => {
  const [up, down] = [RingBuffer.create({ capacity: 1024 }), RingBuffer.create({ capacity: 1024 })]
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`), {
    workerData: { ring: testModule('ring'), up: up.memory, down: down.memory },
  })
  onTestFinished(async () => void (await worker.terminate()))
  const failed = new Promise((_, reject) => worker.once('error', reject))
  const total = 1024 * 1024
  const send = async () => {
    const producer = up.producer()
    for (let at = 0; at < total;) {
      await producer.writable()
      at += producer.write(Uint8Array.from({ length: Math.min(777, total - at) }, (_, index) => (at + index) * 31))
    }
    producer.end()
  }
  const receive = async () => {
    const consumer = down.consumer()
    let at = 0
    while (consumer.status === 'open') {
      await consumer.readable()
      for (const byte of consumer.read() ?? [])
        if (byte !== ((at++ * 31) & 0xff)) throw new Error(`byte ${at} is wrong`)
    }
    return at
  }
  const [, received] = (await Promise.race([Promise.all([send(), receive()]), failed])) as [void, number]
  expect(received).toBe(total)
})
