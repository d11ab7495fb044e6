import { sendInMemory, until, type MemoryExchange, type MemoryOptions } from '@catzilla/testkit'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { describe, expect, test, vi } from 'vitest'
import { createChannel, memoryBus, type Channel, type ChannelSubscribeOptions, type SseItem } from '../src/index.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const
const KEPT = { ...QUIET, replay: { events: 100 } } as const

function eventsIn(text: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({
    onEvent: (event) => events.push(event),
    onError: (error) => {
      throw error
    },
  }).feed(text)
  return events
}

function dataOf(exchange: MemoryExchange): string[] {
  return eventsIn(exchange.sink.text).map(({ data }) => data)
}

/** A client of the channel; with the id that it saw last. */
function join<Item extends SseItem>(
  channel: Channel<Item>,
  lastEventId?: string,
  { options, memory }: { options?: ChannelSubscribeOptions<Item>; memory?: MemoryOptions } = {},
): MemoryExchange {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  return sendInMemory(channel.subscribe(options), { ...memory, headers })
}

async function has(exchange: MemoryExchange, data: string[]): Promise<void> {
  await until(() => dataOf(exchange).length >= data.length, `there should be ${data.length} events`)
  expect(dataOf(exchange)).toEqual(data)
}

/** What a client without room takes all the same: the first goes to its sink, the second is with its pump. */
async function fill(channel: Channel): Promise<void> {
  for (const data of ['first', 'second']) {
    await channel.publish(data)
    await new Promise(setImmediate)
  }
}

describe('publishing', () => {
  test('all who listen get each event once, with one id, in order', async () => {
    const channel = createChannel(KEPT)
    const clients = [join(channel), join(channel), join(channel)]
    const ids = await Promise.all([channel.publish('one'), channel.publish({ event: 'two', data: { n: 2 } })])
    for (const client of clients) {
      await has(client, ['one', '{"n":2}'])
      expect(eventsIn(client.sink.text)).toEqual([
        { id: ids[0], event: undefined, data: 'one' },
        { id: ids[1], event: 'two', data: '{"n":2}' },
      ])
    }
    expect(clients[0]!.sink.text).toBe(`id: ${ids[0]}\ndata: one\n\nevent: two\nid: ${ids[1]}\ndata: {"n":2}\n\n`)
    for (const client of clients) client.sink.lose()
  })

  test('an item is encoded once, however many listen', async () => {
    const serialize = vi.fn(JSON.stringify)
    const channel = createChannel({ ...QUIET, serialize })
    const clients = Array.from({ length: 50 }, () => join(channel))
    await channel.publish({ data: { a: 1 } })
    for (const client of clients) await has(client, ['{"a":1}'])
    expect(serialize).toHaveBeenCalledOnce()
    for (const client of clients) client.sink.lose()
  })

  test.each<[string, unknown, string]>([
    ['a newline in the event', { event: 'a\nb' }, 'CZ_SSE_FIELD_NEWLINE'],
    ['a field of no event', { price: 1 }, 'CZ_SSE_FIELD_UNKNOWN'],
    ['lost data', { data: undefined }, 'CZ_SSE_DATA'],
    ['an id', { id: '1', data: 'x' }, 'CZ_SSE_CHANNEL_ID'],
    ['a number', 7, 'CZ_SSE_ITEM'],
  ])('%s is refused at once, nobody gets anything, and the channel goes on', async (_what, item, code) => {
    const channel = createChannel(KEPT)
    const client = join(channel)
    expect(() => channel.publish(item as never)).toThrow(expect.objectContaining({ code }))
    await channel.publish('next')
    await has(client, ['next'])
    client.sink.lose()
  })

  test('events that are published in one turn leave in one write', async () => {
    const channel = createChannel(QUIET)
    const client = join(channel)
    for (let i = 0; i < 100; i++) void channel.publish(`event ${i}`)
    await until(() => dataOf(client).length === 100, 'all should arrive')
    expect(client.sink.frames.length).toBeLessThanOrEqual(2)
    client.sink.lose()
  })
})

describe('coming back', () => {
  test('a client goes on behind its last id, without a gap or a duplicate, while the producer goes on', async () => {
    const channel = createChannel({ ...QUIET, replay: { events: 10_000 } })
    const seen: string[] = []
    let lastId: string | undefined
    let published = 0
    const producing = setInterval(() => void channel.publish(String(published++)))
    for (let i = 0; i < 30; i++) {
      const client = join(channel, lastId, { options: { from: 'start' } })
      for (let n = 0; n < 3; n++) void channel.publish(String(published++))
      await until(() => eventsIn(client.sink.text).length >= 3, 'something should come')
      client.sink.lose()
      const events = eventsIn(client.sink.text)
      seen.push(...events.map(({ data }) => data))
      lastId = events.at(-1)!.id
    }
    clearInterval(producing)
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => String(i)))
    expect(channel.stats.resyncs).toBe(0)
  })

  test('who has missed nothing gets nothing again', async () => {
    const channel = createChannel(QUIET)
    const id = await channel.publish('old')
    const client = join(channel, id)
    await channel.publish('new')
    await has(client, ['new'])
    client.sink.lose()
  })

  test('what is no longer kept is one resync, and from there the client goes on', async () => {
    const channel = createChannel({ ...QUIET, replay: { events: 2 } })
    const told = vi.fn()
    channel.on('resync', told)
    const ids = [await channel.publish('1'), await channel.publish('2'), await channel.publish('3')]
    await new Promise(setImmediate) // The log is trimmed when the turn is over.
    ids.push(await channel.publish('4'))
    await new Promise(setImmediate)
    const client = join(channel, ids[0], { options: { member: 'me' } })
    await channel.publish('5')
    await until(() => dataOf(client).length === 2, 'both should come')
    const [resync, next] = eventsIn(client.sink.text)
    expect(resync).toEqual({ id: ids[3], event: 'resync', data: '{"reason":"expired","missed":3}' })
    expect(next!.data).toBe('5')
    expect(told).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ member: 'me', reason: 'expired', missed: 3 }),
    )
    client.sink.lose()

    const again = join(channel, resync!.id)
    await has(again, ['5'])
    again.sink.lose()
    expect(channel.stats).toMatchObject({ resyncs: 1, replays: 1 })
  })

  test.each([
    ['another channel', async () => createChannel(KEPT).publish('x')],
    ['an earlier life of it', async () => createChannel({ ...KEPT, name: 'news' }).publish('x')],
    ['nobody', async () => '41'],
    ['the future', async (id: string) => id.replace(/\d+$/, '999999')],
    ['a fraction', async (id: string) => `${id}.5`],
  ])('an id of %s is one resync', async (_what, foreign) => {
    const channel = createChannel({ ...KEPT, name: 'news' })
    const own = await channel.publish('1')
    const client = join(channel, await foreign(own))
    await has(client, ['{"reason":"unknown"}'])
    expect(eventsIn(client.sink.text)[0]!.id).toBe(own)
    client.sink.lose()
  })

  test('the words of a resync are the application’s', async () => {
    const channel = createChannel({ ...KEPT, resync: ({ reason }) => ({ event: 'reload', data: { reason } }) })
    const client = join(channel, 'foreign')
    await has(client, ['{"reason":"unknown"}'])
    expect(eventsIn(client.sink.text)[0]!.event).toBe('reload')
    client.sink.lose()
    const silent = createChannel({ ...KEPT, resync: () => undefined })
    const other = join(silent, 'foreign')
    await silent.publish('x')
    await has(other, ['x'])
    other.sink.lose()
  })

  test('bounds of bytes and of age hold', async () => {
    const small = createChannel({ ...QUIET, replay: { bytes: 200 } })
    for (let i = 0; i < 20; i++) {
      await small.publish('x'.repeat(50))
      await new Promise(setImmediate)
    }
    expect(small.stats.heldBytes).toBeLessThanOrEqual(200)
    expect(small.stats.heldEvents).toBeGreaterThan(0)

    const young = createChannel({ ...QUIET, replay: { ageMs: 30 } })
    const id = await young.publish('old')
    await young.publish('older')
    await new Promise((resolve) => setTimeout(resolve, 40))
    await young.publish('new')
    await new Promise(setImmediate)
    expect(young.stats.heldEvents).toBe(1)
    const client = join(young, id)
    await has(client, ['{"reason":"expired","missed":2}'])
    client.sink.lose()
  })

  test('from start, a client without an id gets all that is kept; what is gone is a resync', async () => {
    const channel = createChannel({ ...QUIET, replay: { events: 2 } })
    await channel.publish('1')
    await channel.publish('2')
    const first = join(channel, undefined, { options: { from: 'start' } })
    await has(first, ['1', '2'])
    await channel.publish('3')
    await new Promise(setImmediate)
    const second = join(channel, undefined, { options: { from: 'start' } })
    await has(second, ['{"reason":"expired"}', '2', '3'])
    for (const client of [first, second]) client.sink.lose()
  })
})

describe('clients', () => {
  test('a filter leaves events out for its client alone', async () => {
    type Price = { event: string; data: { symbol: string; price: number } }
    const channel = createChannel<Price>(KEPT)
    const filter = vi.fn((item: Price) => item.data.symbol === 'A')
    const one = join(channel, undefined, { options: { filter } })
    const all = join(channel)
    for (const symbol of ['A', 'B', 'A']) await channel.publish({ event: 'price', data: { symbol, price: 1 } })
    await has(one, ['{"symbol":"A","price":1}', '{"symbol":"A","price":1}'])
    await until(() => dataOf(all).length === 3, 'the other should get all')
    expect(filter).toHaveBeenCalledTimes(3)
    for (const client of [one, all]) client.sink.lose()
  })

  test('join and leave are told, with who it is and how it ended', async () => {
    const channel = createChannel(QUIET)
    const told: unknown[] = []
    channel.on('join', ({ member }) => {
      told.push(`join ${String(member)}`)
      void channel.publish(`welcome ${String(member)}`)
    })
    const stopListening = channel.on('leave', ({ member, end }) => told.push(`leave ${String(member)}: ${end.outcome}`))
    const ada = join(channel, undefined, { options: { member: 'ada' } })
    await has(ada, ['welcome ada'])
    expect([...channel.members].map(({ member }) => member)).toEqual(['ada'])
    const bob = join(channel, undefined, { options: { member: 'bob' } })
    await has(ada, ['welcome ada', 'welcome bob'])
    expect(channel.size).toBe(2)
    ada.sink.lose()
    await ada.end()
    expect(told).toEqual(['join ada', 'join bob', 'leave ada: client-abort'])
    stopListening()
    bob.sink.lose()
    await bob.end()
    expect(told).toHaveLength(3)
    expect(channel.size).toBe(0)
  })

  test('HEAD joins nobody', async () => {
    const channel = createChannel(QUIET)
    const told = vi.fn()
    channel.on('join', told)
    await sendInMemory(channel.subscribe(), { method: 'HEAD' }).end()
    expect(told).not.toHaveBeenCalled()
    expect(channel.stats.subscribers).toBe(0)
  })

  test('one that is behind is evicted, told of and counted, and comes back to what it missed', async () => {
    const channel = createChannel({ ...QUIET, replay: { events: 1000 }, maxEvents: 10 })
    const evicted = vi.fn()
    const left = vi.fn()
    channel.on('evict', evicted)
    channel.on('leave', left)
    const slow = join(channel, undefined, { options: { member: 'slow' }, memory: { room: 10 } })
    const fast = join(channel)
    for (let i = 0; i < 30; i++) {
      await channel.publish(`event ${i}`)
      await new Promise(setImmediate)
    }
    expect(await slow.end()).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_TOPIC_EVICTED' } })
    expect(evicted).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ member: 'slow' }))
    expect(left).toHaveBeenCalledOnce()
    expect(channel.stats).toMatchObject({ evicted: 1, subscribers: 1 })
    const last = eventsIn(slow.sink.text).at(-1)!
    const back = join(channel, last.id)
    await until(() => dataOf(back).length > 0 && dataOf(back).at(-1) === 'event 29', 'it should catch up')
    expect([...dataOf(slow), ...dataOf(back)]).toEqual(dataOf(fast))
    for (const client of [fast, back]) client.sink.lose()
  })

  test('one that is behind by half of its bounds is told of once, and again when it has caught up meanwhile', async () => {
    const channel = createChannel({ ...QUIET, maxEvents: 10 })
    const warned = vi.fn()
    channel.on('warning', warned)
    const slow = join(channel, undefined, { options: { member: 'slow' }, memory: { room: 10 } })
    await fill(channel)
    for (let i = 0; i < 8; i++) await channel.publish(String(i))
    expect(warned).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ member: 'slow' }))
    await until(() => {
      slow.sink.drain()
      return dataOf(slow).length === 10
    }, 'it should catch up')
    slow.sink.drain()
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    await fill(channel)
    for (let i = 0; i < 8; i++) await channel.publish(String(i))
    expect(warned).toHaveBeenCalledTimes(2)
    expect(channel.stats).toMatchObject({ warnings: 2, evicted: 0 })
    slow.sink.lose()
  })

  test('what one has to catch up with does not count as being behind', async () => {
    const channel = createChannel({ ...QUIET, replay: { events: 1000 }, maxEvents: 10 })
    const first = await channel.publish('0')
    for (let i = 1; i < 500; i++) await channel.publish(String(i))
    await new Promise(setImmediate)
    const back = join(channel, first, { memory: { room: 10 } })
    for (let i = 500; i < 505; i++) await channel.publish(String(i))
    for (let i = 0; i < 50; i++) {
      back.sink.drain()
      await new Promise(setImmediate)
    }
    expect(dataOf(back)).toEqual(Array.from({ length: 504 }, (_, i) => String(i + 1)))
    expect(channel.stats.evicted).toBe(0)
    back.sink.lose()
  })

  test('one that loses events by its policy is told so in their place', async () => {
    const channel = createChannel({ ...QUIET, policy: 'drop-oldest', maxEvents: 2 })
    const slow = join(channel, undefined, { memory: { room: 10 } })
    for (let i = 0; i < 10; i++) {
      await channel.publish(`event ${i}`)
      await new Promise(setImmediate)
    }
    slow.sink.drain()
    await until(() => dataOf(slow).includes('event 9'), 'the newest should come')
    const [first, second, ...later] = dataOf(slow) // The second was with the pump already.
    expect([first, second]).toEqual(['event 0', 'event 1'])
    expect(later).toEqual(['{"reason":"behind","missed":6}', 'event 8', 'event 9'])
    expect(channel.stats.dropped).toBe(6)
    slow.sink.lose()
  })

  test('with coalesce, the newest of each key waits', async () => {
    const channel = createChannel({ ...QUIET, policy: 'coalesce' })
    const slow = join(channel, undefined, { memory: { room: 10 } })
    await fill(channel)
    for (let i = 0; i < 5; i++) for (const key of ['a', 'b']) await channel.publish(`${key}${i}`, { key })
    slow.sink.drain()
    await has(slow, ['first', 'second', 'a4', 'b4'])
    slow.sink.lose()
  })

  test('with block, the producer waits', async () => {
    const channel = createChannel({ ...QUIET, policy: 'block', maxEvents: 2 })
    const slow = join(channel, undefined, { memory: { room: 10 } })
    await fill(channel)
    for (let i = 1; i <= 3; i++) await channel.publish(String(i))
    let drained = false
    const waiting = channel.drained().then(() => (drained = true))
    await new Promise(setImmediate)
    expect(drained).toBe(false)
    slow.sink.drain()
    await waiting
    await has(slow, ['first', 'second', '1', '2', '3'])
    slow.sink.lose()
  })
})

describe('the end of a channel', () => {
  test('clients get what waits, the farewell with times that differ, and a clean end', async () => {
    const channel = createChannel({ heartbeatMs: null, farewell: { event: 'moving' } })
    const clients = [join(channel), join(channel), join(channel)]
    void channel.publish('last')
    channel.close()
    const times = new Set<string>()
    for (const client of clients) {
      expect(await client.end()).toMatchObject({ outcome: 'completed' })
      expect(client.sink.text).toMatch(/data: last\n\nretry: \d+\n\nevent: moving\n\n$/)
      times.add(client.sink.text.match(/last\n\nretry: (\d+)/)![1]!)
    }
    expect(times.size).toBeGreaterThan(1)
    expect(() => channel.publish('late')).toThrow(expect.objectContaining({ code: 'CZ_SSE_CLOSED' }))
    const late = join(channel)
    expect(await late.end()).toMatchObject({ outcome: 'completed' })
    expect(late.head!.status).toBe(200)
  })

  test('one that is over gives those who come back what they missed, then 204', async () => {
    const channel = createChannel(KEPT)
    const first = await channel.publish('1')
    await channel.publish('2')
    channel.close({ final: true })
    const back = join(channel, first)
    expect(await back.end()).toMatchObject({ outcome: 'completed' })
    const [{ id, data } = {}] = eventsIn(back.sink.text)
    expect(data).toBe('2')
    expect(back.sink.text).not.toContain('retry')
    for (const seen of [id, undefined]) {
      const done = join(channel, seen)
      await done.end()
      expect(done.head!.status).toBe(204)
    }
  })

  test('it ends at its maximum age as other streams do', async () => {
    const channel = createChannel({ heartbeatMs: null, maxAgeMs: 30, farewell: 'bye' })
    const client = join(channel)
    expect(await client.end()).toMatchObject({ outcome: 'timeout' })
    expect(client.sink.text).toMatch(/retry: \d+\n\ndata: bye\n\n$/)
    expect(client.sink.ended).toBe(true)
    expect(channel.size).toBe(0)
  })
})

describe('a bus', () => {
  test('channels of one name are one, and each client gets each event once', async () => {
    const bus = memoryBus()
    const [a, b] = [1, 2].map(() => createChannel({ ...KEPT, name: 'news', bus }))
    const [onA, onB] = [join(a!), join(b!)]
    const ids = [await a!.publish('1'), await b!.publish({ data: { two: 2 } })]
    for (const client of [onA, onB]) {
      await has(client, ['1', '{"two":2}'])
      expect(eventsIn(client.sink.text).map(({ id }) => id)).toEqual(ids)
    }
    const moved = join(b!, ids[0])
    await has(moved, ['{"two":2}'])
    const other = createChannel({ ...QUIET, name: 'other', bus })
    const elsewhere = join(other)
    await a!.publish('3')
    expect(dataOf(elsewhere)).toEqual([])
    for (const client of [onA, onB, moved, elsewhere]) client.sink.lose()
    await bus.close()
  })

  test('a filter sees what was published elsewhere as it was', async () => {
    const bus = memoryBus()
    const items: SseItem[] = [
      'text',
      'two\nlines',
      { event: 'e', data: 'text' },
      { data: { a: [1, '2\n3'] } },
      { comment: 'note\nmore', retry: 5 },
      { data: '' },
      { data: null },
    ]
    const [publisher, channel] = [1, 2].map(() => createChannel({ ...KEPT, name: 'n', bus }))
    const seen: SseItem[] = []
    const client = join(channel!, undefined, { options: { filter: (item) => seen.push(item) > 0 } })
    for (const item of items) await publisher!.publish(item)
    await until(() => seen.length === items.length, 'all should be seen')
    expect(seen).toEqual(items)
    client.sink.lose()
  })

  test('a process that comes later has the past of the bus', async () => {
    const bus = memoryBus()
    const early = createChannel({ ...KEPT, name: 'news', bus })
    const ids = [await early.publish('1'), await early.publish('2'), await early.publish('3')]
    const late = createChannel({ ...KEPT, name: 'news', bus })
    await late.whenReady
    const client = join(late, ids[0])
    await has(client, ['2', '3'])
    client.sink.lose()
  })

  test('policy block is refused: its publishers are elsewhere', () => {
    const bus = memoryBus()
    expect(() => createChannel({ bus, policy: 'block' })).toThrow(expect.objectContaining({ code: 'CZ_SSE_OPTION' }))
    const channel = createChannel({ bus })
    expect(() => channel.subscribe({ policy: 'block' })).toThrow('block')
  })
})

describe('options', () => {
  test.each([
    [{ heartbeat: 1 }, 'Unknown channel option "heartbeat"'],
    [{ name: '' }, 'name must be text'],
    [{ replay: { count: 1 } }, 'Unknown bound of replay "count"'],
    [{ replay: { events: -1 } }, 'replay.events must be a whole number from 0 on (got -1)'],
    [{ until: AbortSignal.abort() }, 'Unknown channel option "until"'],
    [{ retryMs: -1 }, 'retryMs'],
  ])('%j is refused', (options, message) => {
    expect(() => createChannel(options as never)).toThrow(message)
  })

  test.each([
    [{ serialize: String }, 'Unknown subscribe option "serialize"'],
    [{ from: 'now' }, 'from must be live or start'],
  ])('%j is refused for a subscriber', (options, message) => {
    expect(() => createChannel().subscribe(options as never)).toThrow(message)
  })

  test('a subscriber may have options of its own', async () => {
    const channel = createChannel(KEPT)
    const client = join(channel, undefined, { options: { retryMs: 7, headers: { 'x-a': 'b' } } })
    await until(() => client.sink.text !== '', 'the lead should come')
    expect(client.sink.text).toBe('retry: 7\n\n')
    expect(client.head!.fields).toContainEqual(['x-a', 'b'])
    client.sink.lose()
  })
})
