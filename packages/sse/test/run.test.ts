import { describeWithRedis, RedisServer, sendInMemory, until, type MemoryExchange } from '@catzilla/testkit'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRun, memoryBus, openRun, type Bus, type Run, type RunView, type SseItem } from '../src/index.ts'
import { redisBus } from '../src/redis.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const

function eventsIn({ sink }: MemoryExchange): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(sink.text)
  return events
}

function dataOf(exchange: MemoryExchange): string[] {
  return eventsIn(exchange).map(({ data }) => data)
}

function join(run: Run | RunView, lastEventId?: string): MemoryExchange {
  return sendInMemory(run.view(), { headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId } })
}

async function sees(viewer: MemoryExchange, count: number): Promise<void> {
  await until(() => dataOf(viewer).length >= count, `there should be ${count} events`)
}

/** Gives what the test says, when it says it. */
class Producer {
  signal: AbortSignal | undefined
  cleanedUp = false
  private give: (item: SseItem | undefined) => void = () => {}

  readonly produce = async function* (this: Producer, { signal }: { signal: AbortSignal }): AsyncGenerator<SseItem> {
    this.signal = signal
    try {
      for (;;) {
        const item = await new Promise<SseItem | undefined>((resolve) => (this.give = resolve))
        if (item === undefined) return
        yield item
      }
    } finally {
      this.cleanedUp = true
    }
  }.bind(this)

  async gives(...items: (SseItem | undefined)[]): Promise<void> {
    for (const item of items) {
      await until(() => this.signal !== undefined, 'the producer should run')
      this.give(item)
      await new Promise(setImmediate)
    }
  }
}

const END = '{"outcome":"completed"}'

function behavesAsRun(busOf: () => Bus): void {
  const runs: (Run | RunView)[] = []
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop().catch(() => {})
  })
  function started(producer: Producer, options: Parameters<typeof createRun>[1] = {}): Run {
    const run = createRun(producer.produce, { ...QUIET, bus: busOf(), ...options })
    runs.push(run)
    return run
  }

  test('goes on when its viewer has left, and another one gets all of it', async () => {
    const producer = new Producer()
    const run = started(producer)
    const first = join(run)
    await producer.gives('one')
    await sees(first, 1)
    first.sink.lose()
    await first.end()
    expect(producer.signal!.aborted).toBe(false)
    await producer.gives('two', undefined)
    expect(await run.whenEnded).toMatchObject({ outcome: 'completed' })
    const second = join(run)
    expect(await second.end()).toMatchObject({ outcome: 'completed' })
    expect(dataOf(second)).toEqual(['one', 'two', END])
  })

  test('several viewers see the same, each from where it is', async () => {
    const producer = new Producer()
    const run = started(producer)
    const early = join(run)
    await producer.gives('one', 'two')
    await sees(early, 2)
    const late = join(run)
    const back = join(run, eventsIn(early)[0]!.id)
    await producer.gives('three', undefined)
    for (const viewer of [early, late, back]) expect(await viewer.end()).toMatchObject({ outcome: 'completed' })
    expect(dataOf(early)).toEqual(['one', 'two', 'three', END])
    expect(dataOf(late)).toEqual(dataOf(early))
    expect(dataOf(back)).toEqual(['two', 'three', END])
  })

  test('a viewer that has seen the end gets 204, and does not come back for ever', async () => {
    const producer = new Producer()
    const run = started(producer)
    const viewer = join(run)
    await producer.gives('one', undefined)
    await viewer.end()
    const again = join(run, eventsIn(viewer).at(-1)!.id)
    await again.end()
    expect(again.head!.status).toBe(204)
  })

  test('stop ends the producer, which is told why; its viewers get what there is, and the end', async () => {
    const producer = new Producer()
    const run = started(producer)
    const viewer = join(run)
    await producer.gives('one')
    await sees(viewer, 1)
    const opened = (await openRun(run.id, { ...QUIET, bus: busOf() }))!
    await opened.stop()
    expect(await run.whenEnded).toMatchObject({ outcome: 'stopped', error: { code: 'CZ_SSE_RUN_STOPPED' } })
    expect(await opened.whenEnded).toBe('stopped')
    expect(producer.signal!.reason).toMatchObject({ code: 'CZ_SSE_RUN_STOPPED' })
    expect(await viewer.end()).toMatchObject({ outcome: 'completed' })
    expect(dataOf(viewer)).toEqual(['one', '{"outcome":"stopped"}'])
  })

  test('a run elsewhere is found, seen, and forgotten after its time', async () => {
    const producer = new Producer()
    const run = started(producer, { ttlMs: 300 })
    await run.whenStarted
    await producer.gives('one')
    const elsewhere = (await openRun(run.id, { ...QUIET, bus: busOf() }))!
    const viewer = join(elsewhere)
    await sees(viewer, 1)
    await producer.gives('two', undefined)
    await viewer.end()
    expect(dataOf(viewer)).toEqual(['one', 'two', END])
    await run.whenEnded
    const late = (await openRun(run.id, { ...QUIET, bus: busOf() }))!
    const lateViewer = join(late)
    await lateViewer.end()
    expect(dataOf(lateViewer)).toEqual(['one', 'two', END])
    await until(() => false, 'its time should pass', 400).catch(() => {})
    expect(await openRun(run.id, { bus: busOf() })).toBeUndefined()
  })

  test('a quiet run is not forgotten', async () => {
    const producer = new Producer()
    const run = started(producer, { leaseMs: 150 })
    await producer.gives('one')
    await until(() => false, 'three leases should pass', 450).catch(() => {})
    const viewer = join((await openRun(run.id, { ...QUIET, bus: busOf() }))!)
    await producer.gives('two', undefined)
    await viewer.end()
    expect(dataOf(viewer)).toEqual(['one', 'two', END])
  })

  test('a producer that fails ends the run as failed; nobody is shown the error', async () => {
    const run = createRun(
      async function* () {
        yield 'one'
        throw new Error('the secret of the database')
      },
      { ...QUIET, bus: busOf() },
    )
    const viewer = join(run)
    expect(await run.whenEnded).toMatchObject({ outcome: 'failed', error: { message: 'the secret of the database' } })
    await viewer.end()
    expect(dataOf(viewer)).toEqual(['one', '{"outcome":"failed"}'])
  })

  test('of a run beyond its bound the beginning is lost, and late viewers are told', async () => {
    const run = createRun(
      function* () {
        for (let i = 0; i < 200; i++) yield `${i} ${'x'.repeat(40_000)}`
      },
      { ...QUIET, bus: busOf(), maxBytes: 1_000_000 },
    )
    await run.whenEnded
    await new Promise(setImmediate)
    const viewer = join(run)
    await viewer.end()
    const [resync, ...rest] = dataOf(viewer)
    expect(resync).toBe('{"reason":"expired"}')
    expect(rest.length).toBeLessThan(30)
    expect(rest.at(-1)).toBe(END)
  })
}

describe('a run within a process', () => {
  const bus = memoryBus()
  behavesAsRun(() => bus)

  test('without a bus, runs of one process find each other', async () => {
    const run = createRun(() => ['one'], { ...QUIET, id: 'my-run' })
    expect(run.id).toBe('my-run')
    const viewer = join((await openRun('my-run', QUIET))!)
    await viewer.end()
    expect(dataOf(viewer)).toEqual(['one', END])
    expect(await openRun('no-run')).toBeUndefined()
  })

  test('stop does not wait for a producer that does not listen', async () => {
    const run = createRun(
      async function* () {
        yield 'one'
        await new Promise(() => {})
      },
      { ...QUIET, bus },
    )
    const viewer = join(run)
    await sees(viewer, 1)
    await run.stop()
    expect(await run.whenEnded).toMatchObject({ outcome: 'stopped' })
    await viewer.end()
  })

  test('options are checked', () => {
    expect(() => createRun(() => [], { tll: 1 } as never)).toThrow('Unknown run option "tll"')
    expect(() => createRun(() => [], { ttlMs: 0 })).toThrow('ttlMs must be a whole number above 0 (got 0)')
    expect(() => createRun(() => [], { id: '' })).toThrow('id must be text')
  })
})

describeWithRedis('a run on Redis', () => {
  let server: RedisServer
  const clients: Redis[] = []
  const buses: Bus[] = []
  beforeAll(async () => {
    server = await RedisServer.start()
    for (let i = 0; i < 2; i++) {
      clients.push(new Redis(server.port, '127.0.0.1'))
      buses.push(redisBus({ client: clients[i]! }))
    }
  })
  afterAll(async () => {
    for (const bus of buses) await bus.close()
    for (const client of clients) client.disconnect()
    await server?.stop()
  })
  let turn = 0
  behavesAsRun(() => buses[turn++ % 2]!)

  test('whose process dies is lost, and its viewers elsewhere are told by a broken stream', async () => {
    const client = new Redis(server.port, '127.0.0.1')
    const bus = redisBus({ client })
    const producer = new Producer()
    const run = createRun(producer.produce, { ...QUIET, bus, leaseMs: 200 })
    await run.whenStarted
    await producer.gives('one')
    const view = (await openRun(run.id, { ...QUIET, bus: buses[0]!, leaseMs: 200 }))!
    const viewer = join(view)
    await sees(viewer, 1)
    client.disconnect() // As far as others see, its process is gone.
    expect(await viewer.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_SSE_RUN_LOST' } })
    await expect(view.whenEnded).rejects.toMatchObject({ code: 'CZ_SSE_RUN_LOST' })
    await bus.close()
    await producer.gives(undefined)
  })
})
