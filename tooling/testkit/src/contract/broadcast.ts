import { StreamingResponse, Topic, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { Journal, until } from '../waits.ts'
import { chapter } from './chapter.ts'

const KIB = 1024

export const broadcast = chapter('broadcast', (holds) => {
  holds('all who listen get what is published, in order, and the end', async ({ serve }) => {
    const topic = new Topic({ retain: { frames: 10 } })
    topic.publish('past ')
    const server = await serve({
      '/live': () => new StreamingResponse(topic.subscribe(), { head: 'eager' }),
      '/all': () => new StreamingResponse(topic.subscribe({ after: 0 }), { head: 'eager' }),
    })
    const answers = await Promise.all(['/live', '/live', '/all'].map((path) => server.get(path)))
    await until(() => topic.stats.subscribers === 3, 'three should listen')
    topic.publish('one ')
    await Promise.all(answers.map((answer) => answer.receives('one ')))
    topic.publish('two ')
    topic.publish('three')
    topic.close()
    const texts = await Promise.all(answers.map((answer) => answer.whole()))
    expect(texts).toEqual(['one two three', 'one two three', 'past one two three'])
  })

  holds(
    'much in one turn reaches all who keep up, whole and in order, but for what their filter leaves out',
    async ({ serve }) => {
      const topic = new Topic()
      const bounds = { maxFrames: 2 }
      const filter = (item: unknown) => typeof item === 'string'
      const server = await serve({
        '/all': () => new StreamingResponse(topic.subscribe(bounds), { head: 'eager' }),
        '/text': () => new StreamingResponse(topic.subscribe({ ...bounds, filter }), { head: 'eager' }),
      })
      const answers = await Promise.all(['/all', '/text'].map((path) => server.get(path)))
      await until(() => topic.stats.subscribers === 2, 'two should listen')
      const items = Array.from({ length: 2_000 }, (_, i) => (i % 3 === 0 ? Buffer.from(`${i} `) : `${i} `))
      for (const item of items) topic.publish(item)
      topic.close()
      const [all, text] = await Promise.all(answers.map((answer) => answer.whole()))
      expect(all).toBe(items.join(''))
      expect(text).toBe(items.filter(filter).join(''))
      expect(topic.stats).toMatchObject({ subscribers: 0, dropped: 0 })
    },
  )

  holds('what a client that stood still has missed is told where it was', async ({ serve }) => {
    const topic = new Topic({ encode: (n: number) => `(${n})`.padEnd(50_000, '.') })
    const missed = (count: number | undefined) => `[${count}]`
    const server = await serve(
      () => new StreamingResponse(topic.subscribe({ maxFrames: 3, missed }), { head: 'eager' }),
    )
    const client = await server.connect()
    const answer = await client.get()
    client.stall()
    await until(() => topic.stats.subscribers === 1, 'one should listen')
    for (let n = 1; topic.stats.dropped < 5; n++) {
      topic.publish(n)
      await new Promise(setImmediate)
      expect(n).toBeLessThan(KIB)
    }
    topic.close()
    client.resume()
    const seen = [...(await answer.whole()).matchAll(/\((\d+)\)|\[(\d+)\]/g)]
    let next = 1
    for (const [, number, lost] of seen) {
      if (lost === undefined) expect(Number(number)).toBe(next)
      next += lost === undefined ? 1 : Number(lost)
    }
    expect(next - 1).toBe(topic.stats.published)
  })

  holds('a client that leaves is no longer a subscriber', async ({ serve }) => {
    const topic = new Topic()
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(topic.subscribe(), { head: 'eager' }).after(journal.noting('after')),
    )
    const client = await server.connect()
    await client.get()
    await until(() => topic.stats.subscribers === 1, 'one should listen')
    client.leave()
    expect(await journal.first<StreamEnd>('after', 1_000)).toMatchObject({ outcome: 'client-abort' })
    expect(topic.stats.subscribers).toBe(0)
  })

  holds('a client that stands still holds nobody back, and costs what its bounds say', async ({ serve }) => {
    const topic = new Topic()
    const server = await serve({
      '/': () => new StreamingResponse(topic.subscribe(), { head: 'eager' }),
      '/bounded': () => new StreamingResponse(topic.subscribe({ maxBytes: 256 * KIB }), { head: 'eager' }),
    })
    const stalled = await server.connect({ consume: () => {} })
    await stalled.get('/bounded')
    stalled.stall()
    let received = 0
    await server.get('/', {}, { consume: (bytes) => (received += bytes.length) })
    await until(() => topic.stats.subscribers === 2, 'two should listen')

    const frame = new Uint8Array(64 * KIB).fill(0x78)
    for (let sent = 64 * KIB; topic.stats.dropped < 10; sent += 64 * KIB) {
      topic.publish(frame)
      await until(() => received >= sent, 'the one who reads should get each frame at once')
      expect(sent).toBeLessThan(64 * KIB * KIB)
    }
    expect(topic.stats.heldBytes).toBeLessThanOrEqual(256 * KIB)
  })

  holds('one who must not miss anything is evicted when it stands still', async ({ serve }) => {
    const topic = new Topic()
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(topic.subscribe({ policy: 'evict', maxBytes: 128 * KIB }), { head: 'eager' }).after(
        journal.noting('after'),
      ),
    )
    const client = await server.connect({ consume: () => {} })
    const answer = await client.get()
    client.stall()
    await until(() => topic.stats.subscribers === 1, 'one should listen')
    const frame = new Uint8Array(64 * KIB)
    for (let i = 0; topic.stats.evicted === 0; i++) {
      topic.publish(frame)
      await new Promise(setImmediate)
      expect(i).toBeLessThan(KIB)
    }
    const end = await journal.first<StreamEnd>('after')
    expect(end).toMatchObject({ outcome: 'timeout', error: { code: 'CZ_TOPIC_EVICTED' } })
    client.resume()
    await answer.broken()
  })

  holds('a feed that fails breaks the streams of all who listen', async ({ serve }) => {
    const topic = new Topic()
    const server = await serve(() => new StreamingResponse(topic.subscribe(), { head: 'eager' }))
    const answers = await Promise.all([server.get(), server.get()])
    await until(() => topic.stats.subscribers === 2, 'two should listen')
    topic.publish('start')
    await Promise.all(answers.map((answer) => answer.receives('start')))
    topic.abort(new Error('the feed is gone'))
    for (const answer of answers) expect(await answer.broken()).toBe('start')
  })
})
