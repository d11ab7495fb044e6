import { MemoryExchange, sendInMemory, until, type MemoryOptions } from '@catzilla/testkit'
import { describe, expect, test, vi } from 'vitest'
import { sendStream, StreamingResponse, Topic, type SubscribeOptions } from '@catzilla/streaming'

const loopTurn = () => new Promise(setImmediate)

/** A client in memory that listens to `topic`. */
function listen<Item>(topic: Topic<Item>, options?: SubscribeOptions<Item>, memory?: MemoryOptions): MemoryExchange {
  return sendInMemory(new StreamingResponse(topic.subscribe(options)), memory)
}

/** A client that takes one write, and then nothing until it drains. */
async function listenStalled(
  topic: Topic,
  options?: SubscribeOptions<string | ArrayBufferView>,
): Promise<MemoryExchange> {
  const exchange = listen(topic, options, { room: 1 })
  topic.publish('[stalls]')
  await loopTurn()
  topic.publish('[last]') // The pump had asked for one more item, and now asks no further.
  await loopTurn()
  return exchange
}

/** What came behind the frames of {@link listenStalled} once the client reads again. */
async function readOn({ sink }: MemoryExchange): Promise<string> {
  for (let i = 0; i < 3; i++) {
    sink.drain()
    await loopTurn()
    await loopTurn()
  }
  return sink.text.replace(/^\[stalls\](\[last\])?/, '')
}

describe('publishing', () => {
  test('all who listen get what is published, from their start on', async () => {
    const topic = new Topic()
    const early = listen(topic)
    topic.publish('one ')
    await loopTurn()
    const late = listen(topic)
    topic.publish('two')
    await loopTurn()
    expect([early.sink.text, late.sink.text]).toEqual(['one two', 'two'])
  })

  test('an item is encoded once, whoever listens', async () => {
    const encode = vi.fn<(item: { n: number }, sequence: number) => string>(({ n }, sequence) => `${sequence}:${n} `)
    const topic = new Topic<{ n: number }>({ encode })
    const clients = [listen(topic), listen(topic), listen(topic)]
    expect([topic.publish({ n: 7 }), topic.publish({ n: 8 })]).toEqual([1, 2])
    await loopTurn()
    expect(clients.map(({ sink }) => sink.text)).toEqual(Array(3).fill('1:7 2:8 '))
    expect(encode).toHaveBeenCalledTimes(2)
  })

  test('what one turn publishes leaves each client in one write', async () => {
    const topic = new Topic()
    const { sink } = listen(topic)
    for (let i = 0; i < 100; i++) topic.publish(`${i} `)
    await loopTurn()
    expect(sink.calls.filter((call) => call.startsWith('write'))).toHaveLength(1)
  })

  test('long frames are the same bytes for all, and are not changed by a buffer that is used again', async () => {
    const topic = new Topic()
    const clients = [listen(topic), listen(topic)]
    const buffer = new Uint8Array(40_000).fill(1)
    topic.publish(buffer)
    buffer.fill(2)
    topic.publish('ä'.repeat(20_000))
    await until(() => clients.every(({ sink }) => sink.frames.length === 2), 'two frames for each')
    const [first, second] = clients.map(({ sink }) => sink.frames)
    expect(first).toHaveLength(2)
    expect(first![0]).toEqual(new Uint8Array(40_000).fill(1))
    expect(Buffer.from(first![1] as Uint8Array).toString()).toBe('ä'.repeat(20_000))
    expect(second![0]).toBe(first![0])
    expect(second![1]).toBe(first![1])
  })

  test('text and bytes of one turn keep their order', async () => {
    const topic = new Topic()
    const { sink } = listen(topic)
    topic.publish('a')
    topic.publish(Buffer.from('b'))
    topic.publish(new DataView(new TextEncoder().encode('c').buffer))
    topic.publish('d')
    await loopTurn()
    expect(sink.text).toBe('abcd')
  })

  test('publishing while a round is delivered reaches all', async () => {
    const topic = new Topic()
    const clients = [listen(topic), listen(topic)]
    topic.publish('a')
    process.nextTick(() => topic.publish('b'))
    queueMicrotask(() => topic.publish('c'))
    await loopTurn()
    await loopTurn()
    for (const { sink } of clients) expect(sink.text.split('').toSorted().join('')).toBe('abc')
    expect(clients[0]!.sink.text).toBe(clients[1]!.sink.text)
  })

  test('an item that is neither text nor bytes is refused, and nobody gets anything', async () => {
    const topic = new Topic<unknown>({ encode: (item) => item as string })
    const { sink } = listen(topic)
    expect(() => topic.publish({ a: 1 })).toThrow(expect.objectContaining({ code: 'CZ_STREAM_ITEM' }))
    expect(topic.publish('fine')).toBe(1)
    await loopTurn()
    expect(sink.text).toBe('fine')
  })

  test('what encode throws comes out of publish', () => {
    const topic = new Topic<number>({
      encode: () => {
        throw new Error('no')
      },
    })
    expect(() => topic.publish(1)).toThrow('no')
    expect(topic.stats.published).toBe(0)
  })
})

describe('coming and going', () => {
  test('a client that leaves is forgotten at once, and so is what only it needed', async () => {
    const topic = new Topic()
    const { sink } = await listenStalled(topic)
    topic.publish('x'.repeat(1_000))
    await loopTurn()
    expect(topic.stats).toMatchObject({ subscribers: 1, heldFrames: 1, heldBytes: 1_000 })
    sink.lose()
    await loopTurn()
    expect(topic.stats).toMatchObject({ subscribers: 0, heldFrames: 0, heldBytes: 0 })
  })

  test('clients that come and go while nothing is published leave nothing behind', async () => {
    const topic = new Topic()
    for (let i = 0; i < 100; i++) listen(topic).sink.lose()
    await loopTurn()
    expect(topic.stats.subscribers).toBe(0)
    await listenStalled(topic, { maxFrames: 1 }) // Those who are behind are still told from those who wait.
    topic.publish('1')
    topic.publish('2')
    expect(topic.stats.dropped).toBe(1)
  })

  test('a source that never starts holds nothing; HEAD leaves at once', async () => {
    const topic = new Topic()
    const source = topic.subscribe()
    expect(topic.stats.subscribers).toBe(0)
    sendInMemory(new StreamingResponse(source), { method: 'HEAD' })
    await loopTurn()
    expect(topic.stats.subscribers).toBe(0)
  })

  test('one source serves many streams', async () => {
    const topic = new Topic()
    const source = topic.subscribe()
    const clients = [sendInMemory(new StreamingResponse(source)), sendInMemory(new StreamingResponse(source))]
    topic.publish('x')
    await loopTurn()
    expect(clients.map(({ sink }) => sink.text)).toEqual(['x', 'x'])
  })

  test('close ends each stream well, behind what waits for it', async () => {
    const topic = new Topic()
    const waiting = listen(topic)
    const stalled = await listenStalled(topic)
    topic.publish('bye')
    topic.close()
    expect((await waiting.end()).outcome).toBe('completed')
    expect(waiting.sink.text).toBe('[stalls][last]bye')
    expect(await readOn(stalled)).toBe('bye')
    expect((await stalled.end()).outcome).toBe('completed')
    expect(topic.stats).toMatchObject({ subscribers: 0, heldFrames: 0 })
    expect(() => topic.publish('late')).toThrow(expect.objectContaining({ code: 'CZ_STREAM_CLOSED' }))
  })

  test('who subscribes after close gets what is kept, then the end', async () => {
    const topic = new Topic({ retain: { frames: 2 } })
    topic.publish('a')
    topic.publish('b')
    topic.close()
    const client = listen(topic, { after: 0 })
    expect((await client.end()).outcome).toBe('completed')
    expect(client.sink.text).toBe('ab')
  })

  test('abort breaks each stream off, the stalled too', async () => {
    const topic = new Topic()
    const clients = [listen(topic), await listenStalled(topic)]
    const reason = new Error('the feed is gone')
    topic.abort(reason)
    for (const client of clients) {
      expect(await client.end()).toMatchObject({ outcome: 'source-error', error: reason })
      expect(client.sink.aborted).toEqual({ reason })
    }
    expect(await listen(topic).end()).toMatchObject({ outcome: 'source-error', error: reason, committed: false })
  })
})

describe('clients that are behind', () => {
  const missed = (count: number | undefined) => `<${count}>`

  test('drop-oldest: the newest frames wait, and the gap is told where it is', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { maxFrames: 3, missed })
    for (let i = 1; i <= 5; i++) topic.publish(`${i}`)
    expect(topic.stats).toMatchObject({ dropped: 2 })
    expect(await readOn(stalled)).toBe('<2>345')
  })

  test('drop-newest: the oldest frames wait, and the gap is told where it is', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'drop-newest', maxFrames: 3, missed })
    for (let i = 1; i <= 5; i++) topic.publish(`${i}`)
    expect(topic.stats).toMatchObject({ dropped: 2 })
    expect(await readOn(stalled)).toBe('123<2>')
  })

  test('coalesce: of each key the newest waits, in the order of publishing', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'coalesce', missed })
    for (const [key, value] of ['a1', 'b1', 'a2', 'c1', 'b2', 'a3']) topic.publish(`${key}${value} `, { key })
    expect(topic.stats).toMatchObject({ coalesced: 3, dropped: 0 })
    expect(await readOn(stalled)).toBe('c1 b2 a3 ')
  })

  test('coalesce: beyond the bounds the oldest state is lost', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'coalesce', maxFrames: 2, missed })
    for (const [key, value] of ['a1', 'b1', 'c1', 'c2']) topic.publish(`${key}${value} `, { key })
    expect(topic.stats).toMatchObject({ coalesced: 1, dropped: 1 })
    expect(await readOn(stalled)).toBe('<1>b1 c2 ')
  })

  test('evict: the stream breaks off although its client reads nothing', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'evict', maxFrames: 2 })
    topic.publish('1')
    topic.publish('2')
    expect(topic.stats.evicted).toBe(0)
    topic.publish('3')
    const end = await stalled.end()
    expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_TOPIC_EVICTED' } })
    expect(topic.stats).toMatchObject({ evicted: 1, subscribers: 0 })
  })

  test('block: the producer waits, and nothing is missed', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'block', maxFrames: 2 })
    const sent: number[] = []
    const producer = (async () => {
      for (let i = 1; i <= 7; i++) {
        await topic.drained()
        topic.publish(`${i}`)
        sent.push(i)
      }
    })()
    await loopTurn()
    expect(sent).toEqual([1, 2, 3])
    expect(await readOn(stalled)).toBe('1234567')
    await producer
  })

  test('block: a producer that does not wait is stopped, before anybody gets anything', async () => {
    const topic = new Topic()
    await listenStalled(topic, { policy: 'block', maxFrames: 2 })
    for (let i = 1; i <= 5; i++) topic.publish(`${i}`)
    const published = topic.stats.published
    expect(() => topic.publish('6')).toThrow(expect.objectContaining({ code: 'CZ_TOPIC_AHEAD' }))
    expect(topic.stats.published).toBe(published)
  })

  test('block: a client that leaves lets the producer go on', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'block', maxFrames: 1 })
    topic.publish('1')
    topic.publish('2')
    const drained = topic.drained()
    stalled.sink.lose()
    await drained
  })

  test('bytes are bounded as frames are', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { maxBytes: 10, missed })
    for (const text of ['äää', 'bbb', 'cccc']) topic.publish(text)
    expect(await readOn(stalled)).toBe('<1>bbbcccc')
  })

  test('one who keeps up misses nothing, however much a turn publishes', async () => {
    const topic = new Topic()
    const { sink } = listen(topic, { maxFrames: 2, missed })
    const items = Array.from({ length: 5_000 }, (_, i) => `${i} `)
    for (const item of items) topic.publish(item)
    await until(() => sink.text.length === items.join('').length, 'all should be there')
    expect(sink.text).toBe(items.join(''))
  })

  const failing = () => {
    throw new Error('in missed')
  }

  test('a missed that throws when the client reads on breaks its own stream', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { maxFrames: 1, missed: failing })
    for (let i = 1; i <= 3; i++) topic.publish(`${i}`)
    expect(await readOn(stalled)).toBe('')
    expect(await stalled.end()).toMatchObject({ outcome: 'source-error', error: { message: 'in missed' } })
    expect(topic.stats.subscribers).toBe(0)
  })

  test('a missed that throws in a round breaks its own stream, and no other', async () => {
    const topic = new Topic()
    const stalled = await listenStalled(topic, { policy: 'drop-newest', maxFrames: 1, missed: failing })
    const batch = 'x'.repeat(1024 * 1024) // It leaves alone, so the loss behind it is told with what comes next.
    topic.publish(batch)
    topic.publish('[lost]')
    const keepsUp = listen(topic)
    expect(await readOn(stalled)).toBe(batch)
    topic.publish('[next]')
    expect(await stalled.end()).toMatchObject({ outcome: 'source-error', error: { message: 'in missed' } })
    await loopTurn()
    expect(keepsUp.sink.text).toBe('[next]')
    expect(topic.stats.subscribers).toBe(1)
  })

  test('a stalled client costs what its bounds say, whatever is published', async () => {
    const topic = new Topic()
    await listenStalled(topic, { maxBytes: 10_000 })
    const keepsUp = listen(topic)
    for (let i = 0; i < 1_000; i++) {
      topic.publish('x'.repeat(1_000))
      if (i % 10 === 0) await loopTurn()
    }
    await loopTurn()
    expect(topic.stats.heldBytes).toBeLessThanOrEqual(10_000)
    expect(keepsUp.sink.text.length).toBe(1_000_000)
  })
})

describe('the past', () => {
  const missed = (count: number | undefined) => `<${count}>`

  test('after: what is kept, then live, without a gap or a duplicate', async () => {
    const topic = new Topic({ retain: { frames: 10 } })
    for (let i = 1; i <= 5; i++) topic.publish(`${i}`)
    const { sink } = listen(topic, { after: 2, missed })
    topic.publish('6')
    await loopTurn()
    topic.publish('7')
    await loopTurn()
    expect(sink.text).toBe('34567')
  })

  test('after: what is no longer kept is told, also when nothing follows', async () => {
    const topic = new Topic({ retain: { frames: 2 } })
    for (let i = 1; i <= 5; i++) topic.publish(`${i}`)
    await loopTurn()
    expect(topic.stats.heldFrames).toBe(2)
    const { sink } = listen(topic, { after: 1, missed })
    const nothing = new Topic()
    for (let i = 1; i <= 5; i++) nothing.publish(`${i}`)
    await loopTurn()
    const late = listen(nothing, { after: 3, missed })
    await loopTurn()
    expect([sink.text, late.sink.text]).toEqual(['<2>45', '<2>'])
  })

  test('after: a sequence that this topic has not reached is told as unknown', async () => {
    const topic = new Topic({ retain: { frames: 2 } })
    topic.publish('1')
    const { sink } = listen(topic, { after: 9, missed })
    topic.publish('2')
    await loopTurn()
    expect(sink.text).toBe('<undefined>2')
  })

  test('retain: bytes and age bound it as well', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const bytes = new Topic({ retain: { bytes: 10 } })
      const age = new Topic({ retain: { ageMs: 1_000 } })
      for (let i = 0; i < 4; i++) {
        bytes.publish('12345')
        age.publish('x')
        await loopTurn()
        vi.advanceTimersByTime(400)
      }
      expect([bytes.stats.heldFrames, age.stats.heldFrames]).toEqual([2, 3])
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('filters', () => {
  const even = (item: number) => item % 2 === 0
  const numbers = () => new Topic<number>({ encode: (n) => `${n} `, retain: { frames: 100 } })

  test('run when something is published, once for each who has one', async () => {
    const topic = numbers()
    const filter = vi.fn<(item: number) => boolean>(even)
    const [some, all] = [listen(topic, { filter }), listen(topic)]
    for (let i = 1; i <= 4; i++) topic.publish(i)
    expect(filter).toHaveBeenCalledTimes(4)
    await loopTurn()
    expect([some.sink.text, all.sink.text]).toEqual(['2 4 ', '1 2 3 4 '])
    expect(filter).toHaveBeenCalledTimes(4)
  })

  test('apply to the past as well, and what they leave out is not missed', async () => {
    const topic = numbers()
    for (let i = 1; i <= 4; i++) topic.publish(i)
    const { sink } = listen(topic, { after: 0, filter: even, missed: (count) => `<${count}>` })
    topic.publish(5)
    topic.publish(6)
    await loopTurn()
    expect(sink.text).toBe('2 4 6 ')
  })

  test('a filter that throws breaks its own stream, and no other', async () => {
    const topic = numbers()
    const filter = () => {
      throw new Error('in the filter')
    }
    const [broken, fine] = [listen(topic, { filter }), listen(topic)]
    topic.publish(1)
    expect(await broken.end()).toMatchObject({ outcome: 'source-error', error: { message: 'in the filter' } })
    await loopTurn()
    expect(fine.sink.text).toBe('1 ')
    expect(topic.stats.subscribers).toBe(1)
    expect(await listen(topic, { after: 0, filter }).end()).toMatchObject({ outcome: 'source-error' })
    expect(topic.stats.subscribers).toBe(1)
  })
})

describe('for await', () => {
  test('throws what missed throws', async () => {
    const topic = new Topic({ retain: { frames: 1 } })
    for (let i = 1; i <= 3; i++) topic.publish(`${i}`)
    await loopTurn()
    const missed = () => {
      throw new Error('in missed')
    }
    const frames = topic.subscribe({ after: 0, missed })[Symbol.asyncIterator]()
    await expect(frames.next()).rejects.toThrow('in missed')
    expect(topic.stats.subscribers).toBe(0)
  })

  test('gives frames until the topic closes', async () => {
    const topic = new Topic()
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const frame of topic.subscribe()) seen.push(frame)
    })()
    await loopTurn()
    topic.publish('a')
    await loopTurn()
    topic.publish('b')
    topic.close()
    await reading
    expect(seen).toEqual(['a', 'b'])
  })

  test('calls of next() are answered in order, and return() ends the one that waits', async () => {
    const topic = new Topic()
    const iterator = topic.subscribe()[Symbol.asyncIterator]()
    const answers = [iterator.next(), iterator.next(), iterator.next()]
    await loopTurn()
    topic.publish('a')
    await loopTurn()
    topic.publish('b')
    await loopTurn()
    await iterator.return!()
    const results = await Promise.all(answers)
    expect(results.map(({ value }) => value)).toEqual(['a', 'b', undefined])
    expect(topic.stats.subscribers).toBe(0)
  })

  test('rejects when the topic is aborted', async () => {
    const topic = new Topic()
    const iterator = topic.subscribe()[Symbol.asyncIterator]()
    const answer = iterator.next()
    await loopTurn()
    topic.abort(new Error('gone'))
    await expect(answer).rejects.toThrow('gone')
  })
})

test('many clients: the loop gets its turn during a round', async () => {
  const topic = new Topic()
  const exchanges = Array.from({ length: 20_000 }, () => {
    const exchange = new MemoryExchange()
    sendStream(new StreamingResponse(topic.subscribe()), exchange)
    return exchange
  })
  topic.publish('x'.repeat(100))
  let turns = 0
  while (exchanges.some(({ sink }) => sink.text.length < 200)) {
    await loopTurn()
    if (++turns === 2) topic.publish('y'.repeat(100)) // Some have had the first, others have not.
    expect(turns).toBeLessThan(10_000)
  }
  expect(turns).toBeGreaterThan(2)
  expect(new Set(exchanges.map(({ sink }) => sink.text))).toEqual(new Set([`${'x'.repeat(100)}${'y'.repeat(100)}`]))
})

test.each<[string, () => unknown]>([
  ['Unknown topic option "keep"', () => new Topic({ keep: 1 } as never)],
  ['encode must be a function', () => new Topic({ encode: 'x' } as never)],
  ['Unknown bound of retain "count"', () => new Topic({ retain: { count: 1 } as never })],
  ['retain.frames must be a whole number from 0 on (got -1)', () => new Topic({ retain: { frames: -1 } })],
  ['Unknown subscribe option "since"', () => new Topic().subscribe({ since: 1 } as never)],
  ['policy must be one of', () => new Topic().subscribe({ policy: 'drop' as never })],
  ['name must be', () => new Topic({ name: '' })],
  ['policy of a topic with a name', () => new Topic({ name: 'refusing' }).subscribe({ policy: 'block' })],
  ['maxFrames must be a whole number from 1 on (got 0)', () => new Topic().subscribe({ maxFrames: 0 })],
  ['after must be a whole number from 0 on (got NaN)', () => new Topic().subscribe({ after: Number.NaN })],
])('%s', (message, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'CZ_STREAM_OPTION', message: expect.stringContaining(message) }))
})
