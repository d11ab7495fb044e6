import { describeWithRedis, RedisServer, sendInMemory, until, type MemoryExchange } from '@catzilla/testkit'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createChannel, type Bus, type BusMessage, type Channel, type ChannelOptions } from '../../src/index.ts'
import { redisBus, type RedisBusOptions } from '../../src/redis.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const

function eventsIn(exchange: MemoryExchange): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(exchange.sink.text)
  return events
}

function dataOf(exchange: MemoryExchange): string[] {
  return eventsIn(exchange).map(({ data }) => data)
}

function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => String(from + i))
}

describeWithRedis('the bus on Redis', () => {
  let server: RedisServer
  const cleanUps: (() => unknown)[] = []
  let names = 0

  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server?.stop())
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
  })

  const clients = {
    async ioredis() {
      const client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 50 })
      client.on('error', () => {}) // Told by the channel.
      cleanUps.push(() => client.disconnect())
      return client
    },
    async redis() {
      const client = createClient({ url: server.url, socket: { reconnectStrategy: () => 50 } })
      client.on('error', () => {})
      await client.connect()
      cleanUps.push(() => client.destroy())
      return client
    },
  }

  /** One process: a client and a bus of its own. */
  async function node(kind: keyof typeof clients, options: Partial<RedisBusOptions> = {}): Promise<Bus> {
    const bus = redisBus({ client: await clients[kind](), ...options })
    cleanUps.push(() => bus.close())
    return bus
  }

  function channelOn(bus: Bus, name: string, options: ChannelOptions = {}): Channel {
    const channel = createChannel({ ...QUIET, replay: { events: 1000 }, ...options, name, bus })
    cleanUps.push(() => channel.close())
    return channel
  }

  function join(channel: Channel, lastEventId?: string): MemoryExchange {
    const exchange = sendInMemory(channel.subscribe(), {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    })
    cleanUps.push(() => exchange.sink.lose())
    return exchange
  }

  const newName = () => `news/${names++}}{ü`

  async function has(exchange: MemoryExchange, data: string[]): Promise<void> {
    await until(() => dataOf(exchange).length >= data.length, `there should be ${data.length} events`, 10_000)
    expect(dataOf(exchange)).toEqual(data)
  }

  describe.each(['ioredis', 'redis'] as const)('with %s', (kind) => {
    test('what is published on one node is seen once on all, with one id', async () => {
      const name = newName()
      const [a, b] = [channelOn(await node(kind), name), channelOn(await node(kind), name)]
      await Promise.all([a.whenReady, b.whenReady])
      const [onA, onB] = [join(a), join(b)]
      const ids = [
        await b.publish({ event: 'first', data: { n: 1 } }),
        await a.publish('two\nlines'),
        await b.publish({ data: 'ü→🎈' }),
      ]
      for (const client of [onA, onB]) {
        await has(client, ['{"n":1}', 'two\nlines', 'ü→🎈'])
        expect(eventsIn(client).map(({ id }) => id)).toEqual(ids)
      }
    })

    test('many events from both nodes at once have one order for all', async () => {
      const name = newName()
      const [a, b] = [channelOn(await node(kind), name), channelOn(await node(kind), name)]
      await Promise.all([a.whenReady, b.whenReady])
      const [onA, onB] = [join(a), join(b)]
      const published = numbers(1000).map((data, i) => (i % 2 === 0 ? a : b).publish(data))
      const ids = await Promise.all(published)
      await until(() => dataOf(onA).length === 1000 && dataOf(onB).length === 1000, 'all should come', 10_000)
      expect(dataOf(onA)).toEqual(dataOf(onB))
      expect(new Set(ids).size).toBe(1000)
      const evens = dataOf(onA).filter((data) => Number(data) % 2 === 0)
      expect(evens).toEqual(numbers(1000).filter((data) => Number(data) % 2 === 0))
    })

    test('a client moves from one node to the other with its id', async () => {
      const name = newName()
      const [a, b] = [channelOn(await node(kind), name), channelOn(await node(kind), name)]
      const seen: string[] = []
      let id: string | undefined
      await Promise.all([a.whenReady, b.whenReady])
      for (let move = 0; move < 20; move++) {
        const here = move % 2 === 0 ? a : b
        const client = join(here, id)
        if (move === 0) await until(() => client.head !== undefined, 'it should listen')
        await (move % 3 === 0 ? a : b).publish(String(move))
        await until(() => eventsIn(client).length > 0, 'it should get something', 10_000)
        client.sink.lose()
        seen.push(...dataOf(client))
        id = eventsIn(client).at(-1)!.id
      }
      await until(() => seen.length > 0, 'something')
      expect(seen).toEqual(numbers(seen.length))
    })

    test('an id that this node has not reached yet is no resync: it asks the bus first', async () => {
      const name = newName()
      const a = channelOn(await node(kind), name)
      const id = await a.publish('1')
      const bus = await node(kind)
      const b = channelOn(bus, name) // It knows nothing as yet.
      const client = join(b, id)
      await a.publish('2')
      await has(client, ['2'])
      expect(b.stats.resyncs).toBe(0)
    })

    test('a node that starts later has the past that the bus keeps', async () => {
      const name = newName()
      const a = channelOn(await node(kind), name)
      const ids = await Promise.all(numbers(1500).map((data) => a.publish(data)))
      const b = channelOn(await node(kind), name, { replay: { events: 2000 } })
      const client = join(b, ids[499])
      await a.publish('1500')
      const expected = numbers(1001, 500)
      await until(() => dataOf(client).at(-1) === '1500', 'all should come', 10_000)
      // Redis keeps 1,024, as channel `a` has it.
      expect(dataOf(client)).toEqual(expected)
    })

    test('Redis is killed and started again: nothing acknowledged is lost, nobody sees anything twice', async () => {
      const name = newName()
      const [a, b] = [channelOn(await node(kind), name), channelOn(await node(kind), name)]
      await Promise.all([a.whenReady, b.whenReady])
      const [onA, onB] = [join(a), join(b)]
      const acknowledged: string[] = []
      const publishing: Promise<unknown>[] = []
      let next = 0
      const publish = () => {
        const data = String(next++)
        publishing.push(b.publish(data).then(() => acknowledged.push(data)))
      }
      const timer = setInterval(publish, 2)
      await until(() => acknowledged.length > 50, 'some should be stored')
      await server.kill()
      const down = next
      await until(() => next > down + 20, 'publishing goes on')
      await server.run()
      const up = next
      await until(() => next > up + 20, 'and on')
      clearInterval(timer)
      await Promise.all(publishing)
      expect(acknowledged).toHaveLength(next)
      for (const client of [onA, onB]) await has(client, numbers(next))
      const late = join(a, eventsIn(onB)[9]!.id)
      await has(late, numbers(next - 10, 10))
      expect(a.stats.resyncs + b.stats.resyncs).toBe(0)
    })

    test('a life of the log that is lost is one resync for those who were there', async () => {
      const name = newName()
      const busA = await node(kind)
      const a = channelOn(busA, name)
      await a.whenReady
      const client = join(a)
      const id = await a.publish('1')
      await has(client, ['1'])
      await busA.expire(name, 0)
      expect(await busA.exists(name)).toBe(false)
      await a.publish('2')
      await has(client, ['1', '{"reason":"gap"}', '2'])
      const back = join(a, id)
      await has(back, ['{"reason":"unknown"}'])
      const informed = join(a, eventsIn(client)[1]!.id)
      await has(informed, ['2'])
    })

    test('a log is trimmed by count, bytes and age', async () => {
      const bus = await node(kind)
      const client = await clients.ioredis()
      const keep = async (retain: Parameters<Bus['append']>[2], message: BusMessage, times: number) => {
        const name = newName()
        for (let left = times; left > 0; left -= 20)
          await bus.append(
            name,
            Array.from({ length: 20 }, () => message),
            retain,
          )
        return { name, length: await client.xlen(`catzilla:{${encodeURIComponent(name)}}:events`) }
      }
      const unbounded = { events: Infinity, bytes: Infinity, ageMs: Infinity }
      const small = { text: 'x', idAt: 0, form: 'text' } as const
      expect((await keep({ ...unbounded, events: 1100 }, small, 1200)).length).toBe(1100)
      const large = { ...small, text: 'x'.repeat(100_000) }
      const { length } = await keep({ ...unbounded, bytes: 0 }, large, 60)
      expect(length).toBeGreaterThan(35)
      expect(length * 100_000).toBeLessThanOrEqual(4.2 * 1024 * 1024)
    })

    test('a batch that is sent twice, as its answer was lost, is stored once', async () => {
      const client = (await clients.ioredis()) as Redis & { call: (...args: never[]) => Promise<unknown> }
      const call = client.call.bind(client) as (command: string, args: string[]) => Promise<unknown>
      let lost = 0
      const flaky = Object.assign(Object.create(client) as typeof client, {
        call: async (command: string, args: string[]) => {
          const reply = await call(command, args)
          if (command.startsWith('EVAL') && lost++ % 2 === 0) throw new Error('Connection is closed.')
          return reply
        },
      })
      const bus = redisBus({ client: flaky })
      cleanUps.push(() => bus.close())
      const name = newName()
      const reader = channelOn(await node(kind), name)
      await reader.whenReady
      const listening = join(reader)
      const writer = channelOn(bus, name)
      for (const data of numbers(5)) await writer.publish(data)
      await has(listening, numbers(5))
      expect(lost).toBeGreaterThan(5)
    })

    test('publishing rejects when Redis stays away, and says that it may have been stored', async () => {
      const other = await RedisServer.start()
      const client = new Redis(other.port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: 1 })
      client.on('error', () => {})
      cleanUps.push(() => client.disconnect())
      const bus = redisBus({ client, giveUpMs: 200 })
      cleanUps.push(() => bus.close())
      const channel = channelOn(bus, newName())
      const failed = vi.fn()
      channel.on('error', failed)
      await channel.publish('1')
      await other.stop()
      await expect(channel.publish('2')).rejects.toMatchObject({
        code: 'CZ_SSE_BUS',
        message: expect.stringContaining('may have been stored'),
      })
    })

    test('what Redis refuses is an error at once', async () => {
      const client = await clients.ioredis()
      const name = newName()
      await client.set(`catzilla:{${encodeURIComponent(name)}}:events`, 'no stream')
      const channel = channelOn(await node(kind), name)
      const failed = vi.fn()
      channel.on('error', failed)
      await expect(channel.publish('x')).rejects.toMatchObject({ code: 'CZ_SSE_BUS', message: /WRONGTYPE/ })
      await until(() => failed.mock.calls.length > 0, 'reading should fail as well')
    })

    test('closing leaves nothing behind: neither a connection nor a subscription', async () => {
      const watch = await clients.ioredis()
      const connections = async () => Number(/connected_clients:(\d+)/.exec(await watch.info('clients'))![1])
      const before = await connections()
      const client = await clients[kind]()
      const bus = redisBus({ client })
      const channel = channelOn(bus, newName())
      await channel.whenReady
      expect(await connections()).toBe(before + 2)
      channel.close()
      await bus.close()
      await vi.waitFor(async () => expect(await connections()).toBe(before + 1))
      expect(() => bus.follow('x', {} as never)).toThrow('closed')
      await expect(bus.append('x', [], { events: 1, bytes: 1, ageMs: 1 })).rejects.toMatchObject({
        code: 'CZ_SSE_CLOSED',
      })
    })
  })

  test('keys of a log are in one slot of a cluster', async () => {
    const cluster = await RedisServer.start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
    cleanUps.push(() => cluster.stop())
    const admin = new Redis(cluster.port, '127.0.0.1')
    cleanUps.push(() => admin.disconnect())
    await admin.call('CLUSTER', ['ADDSLOTSRANGE', '0', '16383'])
    await vi.waitFor(async () => expect(await admin.call('CLUSTER', ['INFO'])).toContain('cluster_state:ok'), 10_000)
    const { Cluster } = await import('ioredis')
    const { createCluster } = await import('redis')
    const byIoredis = new Cluster([{ host: '127.0.0.1', port: cluster.port }])
    const byRedis = createCluster({ rootNodes: [{ url: cluster.url }] })
    cleanUps.push(
      () => byIoredis.disconnect(),
      () => byRedis.destroy(),
    )
    await byRedis.connect()
    const buses = [redisBus({ client: byIoredis }), redisBus({ client: byRedis })]
    cleanUps.push(() => Promise.all(buses.map((bus) => bus.close())))
    for (let i = 0; i < 10; i++) {
      const name = newName()
      const [a, b] = buses.map((bus) => channelOn(bus, name))
      await Promise.all([a!.whenReady, b!.whenReady])
      const client = join(b!)
      await a!.publish('1')
      await b!.publish('2')
      await has(client, ['1', '2'])
    }
  })

  test('options are checked', () => {
    const client = { sendCommand() {} } as never
    expect(() => redisBus({ client: undefined as never })).toThrow('client must be a client of ioredis or redis')
    expect(() => redisBus({ client, pollMs: 0 })).toThrow('pollMs must be milliseconds above 0 (got 0)')
    expect(() => redisBus({ client, prefx: '' } as never)).toThrow('Unknown option of a Redis bus "prefx"')
  })
})
