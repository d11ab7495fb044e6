import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { NativeRingConsumer, NativeRingProducer, RingBuffer, type RingKind } from '@catzilla/core-native'
import { expect, test } from 'vitest'
import { testModule } from '../../../tooling/shared/test-build.mjs'

const RECORDS = 20_000

function worker(end: 'producer' | 'consumer', memory: SharedArrayBuffer): Worker {
  return new Worker(new URL('fixtures/ring-worker.mjs', import.meta.url), {
    workerData: { end, memory, records: RECORDS },
  })
}

test('a C++ producer in a worker feeds a TypeScript consumer, both sleeping and waking', async () => {
  const ring = RingBuffer.create({ capacity: 1024, kind: 'records' })
  const producing = worker('producer', ring.memory)
  const exited = once(producing, 'exit')
  const consumer = ring.consumer()
  let seen = 0
  while (consumer.status === 'open') {
    await consumer.readable()
    for (let record = consumer.readRecord(); record !== undefined; record = consumer.readRecord()) {
      expect(record.length).toBe(seen % 50)
      if (record.some((byte) => byte !== (seen & 0xff))) throw new Error(`record ${seen} is wrong`)
      seen++
    }
  }
  expect([seen, consumer.status]).toEqual([RECORDS, 'ended'])
  await exited
})

test('a TypeScript producer feeds a C++ consumer in a worker', async () => {
  const ring = RingBuffer.create({ capacity: 1024, kind: 'records' })
  const consuming = worker('consumer', ring.memory)
  const counted = once(consuming, 'message')
  const producer = ring.producer()
  for (let i = 0; i < RECORDS;) {
    if (producer.stageRecord(new Uint8Array(i % 50).fill(i))) {
      if (++i % 7 === 0) producer.publish()
    } else {
      await producer.writable(64)
    }
  }
  producer.end()
  expect(await counted).toEqual([RECORDS])
})

const FACES = {
  'C++ to TypeScript': (ring: RingBuffer) => [new NativeRingProducer(ring), ring.consumer()] as const,
  'TypeScript to C++': (ring: RingBuffer) => [ring.producer(), new NativeRingConsumer(ring)] as const,
  'C++ to C++': (ring: RingBuffer) => [new NativeRingProducer(ring), new NativeRingConsumer(ring)] as const,
}

for (const [name, ends] of Object.entries(FACES)) {
  const ring = (kind: RingKind) => ends(RingBuffer.create({ capacity: 32, kind }))

  test(`${name}: bytes of any length wrap, fill the ring and come out in order`, () => {
    const [producer, consumer] = ring('bytes')
    const sent: number[] = []
    const received: number[] = []
    for (let i = 0; i < 500; i++) {
      const bytes = Uint8Array.from({ length: (i * 7) % 41 }, (_, at) => i + at)
      sent.push(...bytes.subarray(0, producer.write(bytes)))
      if (i % 3 === 0) received.push(...(consumer.read() ?? []))
      expect(sent.length - received.length).toBeLessThanOrEqual(32)
    }
    received.push(...(consumer.read() ?? []))
    expect(received).toEqual(sent)
  })

  test(`${name}: the end, a failure, and the leaving of the consumer are told`, () => {
    const [ending, endSeen] = ring('records')
    ending.writeRecord(new Uint8Array([1]))
    ending.end()
    expect(endSeen.status).toBe('open')
    expect(endSeen.readRecord()).toEqual(new Uint8Array([1]))
    expect([endSeen.status, endSeen.failure, ending.cancelled]).toEqual(['ended', undefined, false])
    endSeen.cancel()
    expect(ending.cancelled).toBe(true)

    const [failing, failureSeen] = ring('bytes')
    failing.write(new Uint8Array([1, 2]))
    failing.fail('the disk is full — really')
    expect(failureSeen.read()).toEqual(new Uint8Array([1, 2]))
    expect([failureSeen.status, failureSeen.failure]).toEqual(['failed', 'the disk is full — really'])
  })

  test(`${name}: misuse has the same codes`, () => {
    const code = (expected: string) => expect.objectContaining({ code: expected })
    const [producer, consumer] = ring('records')
    expect(() => producer.writeRecord(new Uint8Array(29))).toThrow(code('CZ_RING_RECORD'))
    expect(() => producer.write(new Uint8Array(1))).toThrow(code('CZ_RING_KIND'))
    expect(() => consumer.read()).toThrow(code('CZ_RING_KIND'))
    producer.end()
    expect(() => producer.writeRecord(new Uint8Array(1))).toThrow(code('CZ_RING_CLOSED'))

    const broken = RingBuffer.create({ capacity: 32, kind: 'records' })
    const [writing, reading] = ends(broken)
    writing.writeRecord(new Uint8Array(4))
    new Int32Array(broken.memory)[128] = 5 // The record's length word.
    expect(() => reading.readRecord()).toThrow(code('CZ_RING_CORRUPT'))
    new Int32Array(broken.memory)[32] = 1000 // The tail.
    expect(() => reading.status && reading.readRecord()).toThrow(code('CZ_RING_CORRUPT'))
  })
}

test('the C++ face takes nothing but a ring in shared memory, and survives misuse', () => {
  const open = (memory: unknown) => new NativeRingConsumer({ memory } as RingBuffer)
  expect(() => open(new SharedArrayBuffer(4096))).toThrow(TypeError)
  expect(() => open(new SharedArrayBuffer(4))).toThrow(TypeError)
  const { memory } = RingBuffer.create()
  const plain = new ArrayBuffer(memory.byteLength)
  new Uint8Array(plain).set(new Uint8Array(memory))
  expect(() => open(plain)).toThrow(TypeError)

  const native = Reflect.get(new NativeRingProducer(RingBuffer.create()), 'native') as Record<string, () => unknown>
  for (const method of ['stage', 'stageRecord', 'fail', 'armProducer']) expect(() => native[method]!()).not.toThrow()
  for (const method of ['publish', 'read', 'status', 'cancel'])
    expect(() => native[method]!.call({})).toThrow(TypeError)
})

test('the TypeScript face works without the addon, which is not loaded for it', () => {
  const program = `
    import { RingBuffer } from ${JSON.stringify(testModule('ring'))}
    const ring = RingBuffer.create({ capacity: 64 })
    ring.producer().write(new Uint8Array([1, 2, 3]))
    if (ring.consumer().read().length !== 3) throw new Error('not read')
    console.log(process.report.getReport().sharedObjects.some((name) => name.endsWith('.node')))
  `
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })).toBe('false\n')
})

test('the example in the README runs', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const section = readme.slice(readme.indexOf('## Ring'))
  const [producer, main] = [...section.matchAll(/```js\n(.*?)```/gs)].map((match) =>
    match[1]!.replace('@catzilla/core-native', testModule('ring')),
  )
  const dir = await mkdtemp(join(tmpdir(), 'catzilla-ring-'))
  try {
    await writeFile(join(dir, 'producer.mjs'), producer!)
    await writeFile(join(dir, 'main.mjs'), main!)
    expect(execFileSync(process.execPath, [join(dir, 'main.mjs')], { encoding: 'utf8' })).toBe('100000 records\n')
  } finally {
    await rm(dir, { recursive: true })
  }
})
