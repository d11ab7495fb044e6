import { createServer } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { catzilla, type Logger } from '@catzilla/server'
import { Topic } from '@catzilla/streaming'
import { belongings, until, within } from '@catzilla/testkit'
import { silent } from '../suite/silent.ts'
import { bundled } from './bundled.ts'
import { Crowd } from './crowd.ts'

afterEach(() => vi.unstubAllEnvs())

// ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────

for (const sharing of ['reuse-port', 'descriptor']) {
  for (const backend of ['epoll', 'uv']) {
    test(`two workers share one port by ${sharing}, on ${backend}`, async () => {
      vi.stubEnv('CATZILLA_SHARING', sharing)
      vi.stubEnv('CATZILLA_BACKEND', backend)
      const crowd = await Crowd.of()
      expect(crowd.address.port).toBeGreaterThan(0)
      expect(await crowd.threads()).toHaveLength(2)
      expect((await crowd.app.totalStats()).engine).toMatchObject({ backend })
    })
  }
}

test('the kernel gives each worker its part of the connections', async () => {
  const crowd = await Crowd.of()
  const counts = new Map<string, number>()
  for (let i = 0; i < 200; i++) {
    const thread = await crowd.ask('/who')
    counts.set(thread, (counts.get(thread) ?? 0) + 1)
  }
  expect(counts.size).toBe(2)
  // Of 200 fair throws, fewer than 60 come once in 10^8 times.
  expect(Math.min(...counts.values())).toBeGreaterThan(60)
})

test("workers: 'auto' takes as many as there are cores, and one is a worker, too", async () => {
  const { availableParallelism } = await import('node:os')
  const auto = await Crowd.of({ workers: 'auto' })
  expect((await auto.app.totalStats()).workers).toHaveLength(availableParallelism())
  const one = await Crowd.of({ workers: 1 })
  expect(await one.threads(1)).not.toEqual(['0'])
})

test('a port that is taken is refused, also by a second server with workers', async () => {
  const crowd = await Crowd.of()
  const { port } = crowd.address
  const second = catzilla({ logger: silent })
  const listening = second.listen({ host: '127.0.0.1', port, workers: 2, module: await bundled('app') })
  await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  await expect(catzilla().listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('a port is free again when the server is closed', async () => {
  const crowd = await Crowd.of()
  const { port } = crowd.address
  await crowd.app.close({ graceMs: 0 })
  const server = createServer().listen(port, '127.0.0.1')
  await within(new Promise((resolve, reject) => server.on('listening', resolve).on('error', reject)), 'the port')
  await new Promise((resolve) => server.close(resolve))
})

test('workers serve all interfaces', async () => {
  const crowd = await Crowd.of({ host: '::' })
  expect(crowd.address.url).toMatch(/^http:\/\/localhost:\d+$/)
  expect(await crowd.threads()).toHaveLength(2)
})

test('listen() in a worker binds nothing, and gives the address of the server', async () => {
  const crowd = await Crowd.of()
  expect(JSON.parse(await crowd.ask('/listen'))).toEqual({ first: crowd.address, second: crowd.address })
})

// ── modules ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test.each([
  ['an ES module', 'app', 'es'],
  ['a CommonJS module that is the app', 'app', 'cjs'],
  ['a CommonJS module with other exports', 'named', 'cjs'],
] as const)('the app comes from %s', async (_what, name, format) => {
  const crowd = await Crowd.of({ module: await bundled(name, format) })
  expect(await crowd.threads()).toHaveLength(2)
})

test('a module may be given as a path or a URL', async () => {
  const url = new URL(await bundled('named'))
  for (const module of [url, url.pathname]) {
    const crowd = await Crowd.of({ module })
    expect(await crowd.threads()).toHaveLength(2)
  }
})

test('a module without an app is refused with what it exports, and nothing is left', async () => {
  const before = belongings().sockets
  const listening = catzilla({ logger: silent }).listen({ workers: 2, module: await bundled('no-app') })
  await expect(listening).rejects.toMatchObject({
    code: 'CZ_WORKER_MODULE',
    message: expect.stringMatching(/no-app.* does not export an app by default \(it exports app, default\)/),
  })
  expect(belongings().sockets).toBe(before)
})

test('a module that does not load is refused with its error', async () => {
  const app = catzilla({ logger: silent })
  await expect(app.listen({ workers: 2, module: await bundled('broken') })).rejects.toMatchObject({
    code: 'CZ_WORKER_CRASHED',
    cause: expect.objectContaining({ name: 'RangeError', message: 'this module does not load' }),
  })
  await expect(app.listen({ workers: 2, module: '/nowhere/app.mjs' })).rejects.toMatchObject({
    code: 'CZ_WORKER_CRASHED',
    cause: expect.objectContaining({ code: 'ERR_MODULE_NOT_FOUND' }),
  })
  // And after that, it can be tried again.
  await app.listen({ host: '127.0.0.1', workers: 1, module: await bundled('app') })
  await app.close()
})

test.each([0, -1, 1.5, Number.NaN, Infinity, '2', null])('workers: %s is refused', async (workers) => {
  const listening = catzilla().listen({ workers: workers as number, module: import.meta.url })
  await expect(listening).rejects.toMatchObject({
    code: 'CZ_SERVER_OPTION',
    message: expect.stringContaining('workers'),
  })
})

test('a way of sharing that this system does not have is refused', async () => {
  vi.stubEnv('CATZILLA_SHARING', 'telepathy')
  const listening = catzilla().listen({ workers: 2, module: import.meta.url })
  await expect(listening).rejects.toMatchObject({ code: 'CZ_WORKER_UNSUPPORTED' })
})

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const reusesPorts = major > 22 || (major === 22 && minor >= 12)

const onNodeHttp = async () => {
  const crowd = await Crowd.of({}, catzilla({ transport: 'node', logger: silent }))
  expect(crowd.address.transport).toBe('node')
  expect(await crowd.threads()).toHaveLength(2)
}

const onNoNodeHttp = async () => {
  const logger = { ...silent, warn: vi.fn<Logger['warn']>() }
  const app = catzilla({ transport: 'node', logger }).get('/', () => 'served')
  const module = import.meta.url
  await expect(app.listen({ workers: 2, module })).rejects.toMatchObject({ code: 'CZ_WORKER_UNSUPPORTED' })
  const { url } = await app.listen({ host: '127.0.0.1', workers: 'auto', module })
  expect(await (await fetch(url)).text()).toBe('served')
  expect(logger.warn).toHaveBeenCalledOnce()
  expect((await app.totalStats()).workers).toHaveLength(1)
  await app.close({ graceMs: 0 })
}

// Not skipped where the other holds: each Node has one of them.
if (reusesPorts) test('workers serve on node:http, too', onNodeHttp)
else test('where two threads cannot share an address, a number is refused and auto is one loop', onNoNodeHttp)

// ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

for (const end of ['throw', 'exit', 'memory']) {
  test(`a worker that ends by ${end} is started again, and the streams of the other go on`, async () => {
    const logger = { ...silent, error: vi.fn<Logger['error']>() }
    const crowd = await Crowd.of({ resourceLimits: { maxOldGenerationSizeMb: 32 } }, catzilla({ logger }))
    const [sick, well] = await crowd.threads()
    const stream = await (await crowd.connectTo(well!)).get('/count')
    await stream.receives('10\n')
    const broken = await (await crowd.connectTo(sick!)).get('/count')
    await broken.receives('10\n')
    await (await (await crowd.connectTo(sick!)).get(`/${end}`)).ended()

    await broken.broken()
    const now = await crowd.without(sick!)
    expect(now).toContain(well)
    expect(logger.error).toHaveBeenCalledOnce()
    expect((await crowd.app.totalStats()).restarts).toBe(1)

    const reached = stream.text.split('\n').length
    await stream.receives(`${reached + 20}\n`)
    const lines = stream.text.split('\n').slice(0, -1)
    expect(lines).toEqual(lines.map((_, index) => String(index)))
  })
}

// ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a topic with a name reaches the clients of all workers, with the same sequences in the same order', async () => {
  const crowd = await Crowd.of()
  const threads = await crowd.threads()
  const listeners = await Promise.all(threads.map(async (thread) => (await crowd.connectTo(thread)).get('/prices/0')))
  const publishers = await Promise.all(threads.map((thread) => crowd.connectTo(thread)))
  const answers = await Promise.all(publishers.flatMap((client) => [client.get('/publish/500')]))
  for (const answer of answers) expect(new Set(JSON.parse(await answer.whole()))).toEqual(new Set([0]))
  for (const listener of listeners) await listener.receives('\n1000 ')
  await until(() => listeners.every(({ text }) => text.endsWith('\n')), 'the last line should be whole')

  const [one, other] = listeners.map(({ text }) => text)
  expect(one).toBe(other)
  const lines = one!.split('\n').slice(0, -1)
  expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual(lines.map((_, index) => index + 1))
  // Of each publisher, everything, in the order in which it was published.
  for (const thread of threads) {
    const own = lines.flatMap((line) => (line.includes(` ${thread}.`) ? [Number(line.split('.')[1])] : []))
    expect(own).toEqual(own.map((_, index) => index))
    expect(own).toHaveLength(500)
  }
})

test('the main thread publishes and listens, too, and knows its sequences at once', async () => {
  const name = 'prices'
  const topic = new Topic<{ by: number; n: number }>({
    name,
    retain: { frames: 10 },
    encode: ({ n }, id) => `${id}=${n} `,
  })
  const crowd = await Crowd.of()
  const before = topic.stats.published
  const [thread] = await crowd.threads()
  const listener = await (await crowd.connectTo(thread!)).get(`/prices/${before}`)
  expect([topic.publish({ by: 0, n: 5 }), topic.publish({ by: 0, n: 6 })]).toEqual([before + 1, before + 2])
  await listener.receives(`${before + 2} 0.6\n`)
  expect(listener.text).toBe(`${before + 1} 0.5\n${before + 2} 0.6\n`)

  await crowd.ask('/publish/1')
  await until(() => topic.stats.published === before + 3, 'what a worker publishes should come to the main thread')
})

test('a client catches up on whichever worker it comes back to, also on one that was started again', async () => {
  const crowd = await Crowd.of()
  const [sick, well] = await crowd.threads()
  const start = Number(await crowd.ask('/published'))
  await crowd.ask('/publish/20')
  const listen = async (thread: string) => {
    const stream = await (await crowd.connectTo(thread)).get(`/prices/${start + 10}`)
    await stream.receives(`${start + 20} `)
    return stream
  }
  const expected = (await listen(well!)).text
  expect(expected).toMatch(new RegExp(`^${start + 11} `))
  expect((await listen(sick!)).text).toBe(expected)

  await (await (await crowd.connectTo(sick!)).get('/exit')).ended()
  const fresh = (await crowd.without(sick!)).find((thread) => thread !== well)!
  const again = await listen(fresh)
  expect(again.text).toBe(expected)
  await crowd.ask('/publish/1')
  await again.receives(`${start + 21} `)
})

test('a client that is ahead of its worker misses nothing, and one from another life of the topic is told', async () => {
  const crowd = await Crowd.of()
  const threads = await crowd.threads()
  const start = Number(await crowd.ask('/published'))
  // The sequences are on their way while it asks for what comes behind them.
  const streams = await Promise.all(
    threads.map(async (thread) => {
      const client = await crowd.connectTo(thread)
      client.request({ path: '/publish/20' }, { path: `/prices/${start + 10}` })
      await client.response()
      return client.response()
    }),
  )
  for (const stream of streams) await stream.receives(`${start + 40} `)
  for (const stream of streams) expect(stream.text).toMatch(new RegExp(`^${start + 11} `))

  const stranger = await (await crowd.connectTo(threads[0]!)).get('/prices/1000000')
  await stranger.receives('unknown')
  await crowd.ask('/publish/1')
  await stranger.receives(`${start + 41} `)
  expect(stranger.text).toMatch(new RegExp(`^unknown\n${start + 41} `))
})

test('an item that cannot be encoded takes a sequence and nothing else; one that cannot be copied is refused', async () => {
  const crowd = await Crowd.of()
  const [one, two] = await crowd.threads()
  const start = Number(await crowd.ask('/published'))
  const client = await crowd.connectTo(one!)
  expect(await (await client.get('/publish-bad')).whole()).toBe('0')
  expect((await client.get('/publish-uncloneable')).status).toBe(500)
  await client.get('/publish/1')
  for (const thread of [one!, two!]) {
    const stream = await (await crowd.connectTo(thread)).get(`/prices/${start}`)
    await stream.receives('.0\n')
    expect(stream.text).toBe(`${start + 2} ${one}.0\n`)
  }
})

test('close() of a topic in one worker ends the streams of all', async () => {
  const crowd = await Crowd.of({ module: await bundled('ending-topic') })
  const listeners = await Promise.all(
    (await crowd.threads()).map(async (thread) => (await crowd.connectTo(thread)).get('/listen')),
  )
  await crowd.ask('/end')
  for (const listener of listeners) expect(await listener.whole()).toBe('last')
})

test('a worker whose loop stands still does not make the others hold all that is published', async () => {
  const large = new Topic({ name: 'large' })
  const crowd = await Crowd.of({ module: await bundled('ending-topic') })
  const [stuck, well] = await crowd.threads()
  await (await (await crowd.connectTo(stuck!)).get('/block')).whole()
  const mebibyte = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 80; i++) {
    large.publish(mebibyte)
    await new Promise(setImmediate)
  }
  const threads = await crowd.without(stuck!)
  expect(threads).toContain(well)
  expect(await (await (await crowd.connectTo(well!)).get('/large')).whole()).toBe('80')
})

// ── figures and the end ──────────────────────────────────────────────────────────────────────────────────────────────

test('totalStats() adds up the workers, from whichever thread it is asked', async () => {
  const crowd = await Crowd.of()
  const streams = []
  for (const thread of await crowd.threads()) streams.push(await (await crowd.connectTo(thread)).get('/count'))
  const { workers, ...total } = await crowd.app.totalStats()
  expect(workers.map(({ activeStreams }) => activeStreams)).toEqual([1, 1])
  expect(total).toMatchObject({ transport: 'native', activeStreams: 2, restarts: 0 })
  for (const figure of ['connections', 'requests', 'bytesWritten'] as const) {
    expect(total[figure]).toBe(workers.reduce((sum, worker) => sum + worker[figure], 0))
  }
  expect(JSON.parse(await crowd.ask('/total'))).toMatchObject({ activeStreams: 2, workers: [{}, {}] })
})

test('close() lets the streams of all workers finish, and no thread is left', async () => {
  const crowd = await Crowd.of()
  const streams = []
  for (const thread of await crowd.threads()) streams.push(await (await crowd.connectTo(thread)).get('/held'))
  await within(crowd.app.close(), 'close()')
  for (const stream of streams) expect(await stream.whole()).toBe('begun ended')
  await until(() => belongings().handles['MessagePort'] === undefined, 'no thread should be left')
  await expect(crowd.ask('/who')).rejects.toThrow()
})

test('close() breaks what outlives the grace', async () => {
  const crowd = await Crowd.of()
  const streams = []
  for (const thread of await crowd.threads()) streams.push(await (await crowd.connectTo(thread)).get('/count'))
  await within(crowd.app.close({ graceMs: 50 }), 'close()', 2_000)
  for (const stream of streams) await stream.broken()
})

test('close() in a worker closes the server', async () => {
  const crowd = await Crowd.of()
  await crowd.ask('/close')
  await until(() => belongings().handles['MessagePort'] === undefined, 'no worker should be left')
  await within(crowd.app.close(), 'close()')
})

test('close() while a worker waits to be started again does not start it', async () => {
  const crowd = await Crowd.of()
  await crowd.ask('/exit')
  await within(crowd.app.close({ graceMs: 0 }), 'close()')
  expect((await crowd.app.totalStats()).workers).toEqual([])
})
