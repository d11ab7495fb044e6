import { RingBuffer, type RingConsumer, type RingOptions, type RingProducer } from '@catzilla/streaming/ring'
import { expect, test } from 'vitest'
import { explore, type Explored } from './interleavings.ts'

// Every interleaving of the atomic steps of a producer and a consumer in a ring so small that it is full, empty and wrapped all
// the time. That nobody sleeps for ever is part of each.

const TIMEOUT_MS = 120_000

/** Positions before the ring has begun to wrap, in the middle of it, and where they overflow 32 bits. */
const STARTS = [0, 4, 0x7ffffffc, -4]

interface Scene {
  readonly options: RingOptions
  readonly start: number
  produce(producer: RingProducer, observe: (what: string) => void): void
  consume(consumer: RingConsumer, observe: (what: string) => void): void
}

function play({ options, start, produce, consume }: Scene): Explored {
  const { memory } = RingBuffer.create(options)
  const cells = new Int32Array(memory)
  cells[32] = start // tail
  cells[64] = start // head
  let producer: RingProducer | undefined
  let consumer: RingConsumer | undefined
  return explore(memory, [
    {
      locals: () => fieldsOf(producer),
      run: ({ observe }) => produce((producer = RingBuffer.open(memory).producer()), observe),
    },
    {
      locals: () => fieldsOf(consumer),
      run: ({ observe, remember }) => {
        consumer = RingBuffer.open(memory).consumer()
        const copyOut = Reflect.get(consumer, 'copyOut') as (at: number, target: Uint8Array) => void
        Object.defineProperty(consumer, 'copyOut', {
          value(this: RingConsumer, at: number, target: Uint8Array) {
            copyOut.call(this, at, target)
            remember(target)
          },
        })
        consume(consumer, observe)
      },
    },
  ])
}

/** Positions and flags. */
function fieldsOf(end: object | undefined): unknown {
  return Object.entries(end ?? {}).filter(([, value]) => typeof value !== 'object')
}

function readAll(consumer: RingConsumer, observe: (what: string) => void): void {
  while (consumer.status === 'open') {
    consumer.waitReadable()
    for (let record = consumer.readRecord(); record !== undefined; record = consumer.readRecord())
      observe(record.join(','))
  }
  observe(consumer.status)
}

for (const start of STARTS) {
  test(
    `records in a ring of 8 bytes arrive whole and in order, whoever is slow (positions from ${start})`,
    () => {
      const { flaw, results, states } = play({
        options: { capacity: 8, kind: 'records' },
        start,
        produce(producer) {
          for (const record of [[1], [], [2, 3, 4, 5]]) {
            while (!producer.writeRecord(new Uint8Array(record))) producer.waitWritable(4 + record.length)
          }
          producer.end()
        },
        consume: readAll,
      })
      expect(flaw).toBeUndefined()
      expect(results).toEqual(new Set([' | 1  2,3,4,5 ended']))
      expect(states).toBeGreaterThan(1_000)
    },
    TIMEOUT_MS,
  )

  test(
    `bytes that wrap arrive in order, and the ring is filled to the last (positions from ${start})`,
    () => {
      const { flaw, results } = play({
        options: { capacity: 8, kind: 'bytes' },
        start,
        produce(producer) {
          const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
          for (let at = 0; at < bytes.length;) {
            producer.waitWritable()
            at += producer.write(bytes.subarray(at))
          }
          producer.end()
        },
        consume(consumer, observe) {
          while (consumer.status === 'open') {
            consumer.waitReadable()
            const bytes = consumer.read()
            if (bytes !== undefined) observe(bytes.join(','))
          }
        },
      })
      expect(flaw).toBeUndefined()
      for (const result of results) {
        expect(result.replace(' | ', '').split(/[ ,]/).map(Number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
      }
      expect(results).toContain(' | 1,2,3,4,5,6,7,8 9,10,11')
    },
    TIMEOUT_MS,
  )
}

test(
  'what is staged together is seen together',
  () => {
    const { flaw, results } = play({
      options: { capacity: 16, kind: 'records' },
      start: 8,
      produce(producer) {
        producer.stageRecord(new Uint8Array([1]))
        producer.stageRecord(new Uint8Array([2]))
        producer.publish()
        producer.fail('no more')
      },
      consume(consumer, observe) {
        while (consumer.status === 'open') {
          consumer.waitReadable()
          if (consumer.available > 0) {
            observe(String(consumer.available))
            observe(`${consumer.readRecord()?.[0]},${consumer.readRecord()?.[0]}`)
          }
        }
        observe(consumer.failure ?? '')
      },
    })
    expect(flaw).toBeUndefined()
    expect(results).toEqual(new Set([' | 16 1,2 no more']))
  },
  TIMEOUT_MS,
)

test(
  'a consumer that leaves ends the wait of the producer, at whatever moment',
  () => {
    const { flaw, results } = play({
      options: { capacity: 8, kind: 'records' },
      start: 0,
      produce(producer, observe) {
        while (!producer.cancelled) {
          if (!producer.writeRecord(new Uint8Array([1]))) producer.waitWritable(8)
        }
        observe('told')
      },
      consume(consumer) {
        consumer.waitReadable()
        consumer.readRecord()
        consumer.cancel()
      },
    })
    expect(flaw).toBeUndefined()
    expect(results).toEqual(new Set(['told | ']))
  },
  TIMEOUT_MS,
)

test('the explorer finds a lost wake-up, if there is one', () => {
  const { memory } = RingBuffer.create({ capacity: 8 })
  const cells = new Int32Array(memory)
  const { flaw } = explore(memory, [
    {
      locals: () => 0,
      run: () => {
        Atomics.store(cells, 32, 1)
        if (Atomics.load(cells, 34) === 1) Atomics.notify(cells, 34)
      },
    },
    {
      locals: () => 0,
      run: () => {
        if (Atomics.load(cells, 32) === 1) return
        Atomics.store(cells, 34, 1) // And does not look again.
        Atomics.wait(cells, 34, 1)
      },
    },
  ])
  expect(flaw).toContain('somebody sleeps for ever')
})
