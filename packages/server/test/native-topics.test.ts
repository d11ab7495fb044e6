import { format } from 'node:util'
import { StreamingResponse, Topic, type SubscribeOptions } from '@catzilla/streaming'
import { until, within, type RawClient } from '@catzilla/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App, ServerRequest } from '@catzilla/server'
import { Stage } from './suite/stage.ts'

// What the engine does for those who have joined a topic there. Each test runs with streams that somebody waits for (they have
// an `after` callback, so their pump stays) and with streams that nobody waits for, of which nothing is left in JavaScript.

const BACKENDS = process.platform === 'linux' ? ['epoll', 'uv'] : ['uv']
const given = process.env['CATZILLA_BACKEND']

type Subscribe = SubscribeOptions<string | ArrayBufferView>

describe.each(
  BACKENDS.flatMap((backend) => [
    { backend, kept: false },
    { backend, kept: true },
  ]),
)('on $backend, streams kept: $kept', ({ backend, kept }) => {
  beforeEach(() => void (process.env['CATZILLA_BACKEND'] = backend))
  afterEach(() => {
    if (given === undefined) delete process.env['CATZILLA_BACKEND']
    else process.env['CATZILLA_BACKEND'] = given
  })
  const { serve } = new Stage('native')

  /** An app whose `/` joins a topic, with what it reports of ends. */
  async function serveTopic(
    topic: Topic,
    subscribe?: Subscribe,
    options: { deadlines?: object; heartbeat?: { intervalMs: number; frame: string }; head?: 'first-item' } = {},
    look: (req: ServerRequest) => void = () => {},
  ) {
    const ends: string[] = []
    const note = (message: string, ...details: unknown[]) => ends.push(format(message, ...details).split('\n')[0]!)
    const served = await serve(
      (app) =>
        app.get('/', (req) => {
          look(req)
          const response = new StreamingResponse(topic.subscribe(subscribe), { head: 'eager', ...options })
          return kept ? response.after(() => {}) : response
        }),
      { logger: { info: note, warn: note, error: note } },
    )
    const listen = async (): Promise<[RawClient, Awaited<ReturnType<RawClient['get']>>]> => {
      const client = await served.connect()
      const before = nativeSubscribers(topic)
      const response = await client.get()
      await until(() => nativeSubscribers(topic) > before, 'the stream should join the engine')
      return [client, response]
    }
    return { ...served, ends, listen }
  }

  test('what is published arrives, and a client that leaves is known and forgotten', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic)
    const [client, response] = await listen()
    const [, other] = await listen()
    topic.publish('one ')
    topic.publish(Buffer.from('two '))
    await Promise.all([response.receives('one two '), other.receives('one two ')])
    expect(app.stats()).toMatchObject({ activeStreams: 2, activeExchanges: 2 })
    client.reset()
    await until(() => app.stats().activeStreams === 1, 'its end should be known')
    expect(topic.stats.subscribers).toBe(1)
    expect(ends).toEqual(['the stream of GET / ended early: client-abort'])
    topic.publish('three')
    await other.receives('three')
  })

  test('close() of the topic ends each stream well, and its connection goes on', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic)
    const [client, response] = await listen()
    topic.publish('bye')
    topic.close()
    expect(await response.whole()).toBe('bye')
    await until(() => app.stats().activeStreams === 0, 'no stream should be left')
    expect(await (await client.get()).whole()).toBe('') // The topic is over, and the connection is not.
    expect(ends).toEqual([])
    expect(topic.stats).toMatchObject({ subscribers: 0, heldFrames: 0 })
  })

  test('abort() of the topic breaks each stream off, with its reason', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic)
    const [, response] = await listen()
    topic.publish('some')
    await response.receives('some')
    topic.abort(new Error('the feed is gone'))
    expect(await response.broken()).toBe('some')
    expect(ends).toEqual(['the stream of GET / broke off: Error: the feed is gone'])
    expect(app.stats().activeStreams).toBe(0)
  })

  test('a topic that was left begins anew', async () => {
    const topic = new Topic()
    const { listen } = await serveTopic(topic)
    const [first] = await listen()
    first.reset()
    await until(() => topic.stats.subscribers === 0, 'nobody should be left')
    topic.publish('nobody hears this')
    const [, response] = await listen()
    topic.publish('x')
    await response.receives('x')
    expect(topic.stats.published).toBe(2)
  })

  test('a stream joins behind its first item, too', async () => {
    const topic = new Topic({ retain: { frames: 5 } })
    topic.publish('past ')
    const { listen } = await serveTopic(topic, { after: 0 }, { head: 'first-item' })
    const [, response] = await listen()
    topic.publish('live')
    await response.receives('past live')
  })

  test('HTTP/1.0 gets the frames bare, and the end of the connection', async () => {
    const topic = new Topic()
    const { connect } = await serveTopic(topic)
    const client = await connect()
    client.send('GET / HTTP/1.0\r\n\r\n', { method: 'GET', version: '1.0' })
    const response = await client.response()
    await until(() => nativeSubscribers(topic) === 1, 'it should join')
    topic.publish('one ')
    topic.publish('two')
    topic.close()
    expect(await response.whole()).toBe('one two')
  })

  test('shutdown breaks streams off that outlive its grace', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic)
    const [, response] = await listen()
    const [, other] = await listen()
    await within(app.close({ graceMs: 50 }), 'close()', 2_000)
    await Promise.all([response.broken(), other.broken()])
    expect(ends).toEqual(Array(2).fill('the stream of GET / ended early: shutdown'))
    expect(app.stats()).toMatchObject({ activeStreams: 0, connections: 0 })
    expect(topic.stats.subscribers).toBe(0)
    topic.publish('nobody')
  })

  test('a heartbeat comes in silence; after FIN a probe, and the loss of a client that stays silent', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic, {}, { heartbeat: { intervalMs: 300, frame: ':\n' } })
    const [client, response] = await listen()
    await response.receives(':\n', 2_000)
    const [second, silent] = await listen()
    second.halfClose()
    await silent.receives(':\n', 250)
    second.leave()
    client.leave()
    await until(() => app.stats().activeStreams === 0, 'both should be gone', 3_000)
    expect(ends).toEqual(Array(2).fill('the stream of GET / ended early: client-abort'))
  })

  test('half-close without a heartbeat: given up after 750 ms', async () => {
    const topic = new Topic()
    const { app, listen } = await serveTopic(topic)
    const [client] = await listen()
    const closedAt = performance.now()
    client.halfClose()
    await until(() => app.stats().activeStreams === 0, 'it should be given up', 2_000)
    expect(performance.now() - closedAt).toBeGreaterThan(600)
  })

  test('evict: a client that stands still is broken off', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic, { policy: 'evict', maxBytes: 100_000 })
    const [client] = await listen()
    client.stall()
    await flood(topic, app, () => topic.stats.evicted > 0)
    await until(() => ends.length > 0, 'its end should be told')
    expect(ends[0]).toMatch(/^the stream of GET \/ was stopped: .*1024 frames or 100000 bytes behind the topic/)
    expect(topic.stats).toMatchObject({ evicted: 1, subscribers: 0 })
  })

  test('stallMs: a client that takes nothing is broken off', async () => {
    const topic = new Topic()
    const { app, ends, listen } = await serveTopic(topic, {}, { deadlines: { stallMs: 100 } })
    const [client] = await listen()
    client.stall()
    await flood(topic, app, () => ends.length > 0)
    expect(ends[0]).toMatch(/the client took nothing, or too little, within 100 ms$/)
  })

  test('missed: what it gives stands in the place of lost frames', async () => {
    const topic = new Topic()
    const missed = (count: number | undefined) => `<${count}>`
    const { app, listen } = await serveTopic(topic, { maxFrames: 3, missed })
    const [client, response] = await listen()
    client.stall()
    await flood(topic, app, () => topic.stats.dropped >= 5)
    topic.publish('end')
    client.resume()
    await response.receives('end')
    topic.close()
    const text = await response.whole()
    expect(topic.stats.dropped).toBe(Number(/<(\d+)>/.exec(text)![1]))
    expect(text.match(/<\d+>x+<\d+>/)).toBeNull()
  })

  test('a missed that throws breaks its own stream', async () => {
    const topic = new Topic()
    const missed = () => {
      throw new Error('in missed')
    }
    const { app, ends, listen } = await serveTopic(topic, { maxFrames: 3, missed })
    const [client] = await listen()
    client.stall()
    await flood(topic, app, () => topic.stats.dropped >= 5)
    client.resume()
    await until(() => ends.length > 0, 'it should be broken off')
    expect(ends).toEqual(['the stream of GET / broke off: Error: in missed'])
  })

  test('a filter runs when something is published, once for each who has one', async () => {
    const topic = new Topic()
    const seen: unknown[] = []
    const filter = (item: unknown) => {
      seen.push(item)
      return item !== 'no'
    }
    const { app, ends, listen } = await serveTopic(topic, { filter })
    const [client, response] = await listen()
    const [, other] = await listen()
    for (const item of ['yes ', 'no', 'again']) topic.publish(item)
    expect(seen).toEqual(['yes ', 'yes ', 'no', 'no', 'again', 'again'])
    await Promise.all([response.receives('yes again'), other.receives('yes again')])
    client.reset()
    await until(() => app.stats().activeStreams === 1, 'its end should be known')
    topic.publish('no')
    expect(seen).toHaveLength(7)
    expect(ends).toHaveLength(1)
  })

  test('a filter that throws breaks its own stream, and no other', async () => {
    const topic = new Topic()
    let throws = true
    const filter = () => {
      if (!throws) return true
      throws = false
      throw new Error('in the filter')
    }
    const { ends, listen } = await serveTopic(topic, { filter })
    const [, broken] = await listen()
    const [, fine] = await listen()
    topic.publish('x')
    expect(await broken.broken()).toBe('')
    await fine.receives('x')
    expect(ends).toEqual(['the stream of GET / broke off: Error: in the filter'])
    expect(topic.stats.subscribers).toBe(1)
  })

  test('a signal that is read when the stream has joined fires with its end', async () => {
    const topic = new Topic()
    const requests: ServerRequest[] = []
    const { app, listen } = await serveTopic(topic, {}, {}, (req) => requests.push(req))
    const [client] = await listen()
    const { signal } = requests[0]!
    expect(signal.aborted).toBe(false)
    client.reset()
    await until(() => signal.aborted, 'the signal should fire')
    await until(() => app.stats().activeStreams === 0, 'the stream should be over')
  })

  test('what needs the pump stays with it', async () => {
    const topic = new Topic()
    for (const subscribe of [{ policy: 'block' }] as Subscribe[]) {
      const { connect } = await serveTopic(topic, subscribe)
      const response = await (await connect()).get()
      await until(() => topic.stats.subscribers === 1, 'it should listen')
      topic.publish('x')
      await response.receives('x')
      expect(nativeSubscribers(topic)).toBe(0)
    }
  })
})

/** Publishes until it happens: a client that reads nothing lets the system's buffers fill first. */
async function flood(topic: Topic, app: App, happened: () => boolean): Promise<void> {
  const frame = 'x'.repeat(50_000)
  await until(() => {
    if (app.stats().engine!.bufferedBytes === 0 || !happened()) topic.publish(frame)
    return happened()
  }, 'the client should be behind')
}

/** Those who have joined an engine. */
function nativeSubscribers<Item>(topic: Topic<Item>): number {
  const { broadcast } = topic as unknown as { broadcast: { subscribers: Set<unknown> } }
  return topic.stats.subscribers - broadcast.subscribers.size
}
