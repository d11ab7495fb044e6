import { createChannel, createRun, sse, sseSession, sseWire, uiMessageWire } from '@catzilla/sse'
import type { StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { Journal, until } from '../waits.ts'
import { chapter } from './chapter.ts'

const QUIET = { heartbeatMs: null, retryMs: null } as const

export const eventStreams = chapter('event streams', (holds) => {
  holds('the head leaves at once, with the fields that keep proxies from collecting', async ({ serve }) => {
    const server = await serve(() => sse(({ signal }) => silent(signal), { heartbeatMs: null }))
    const answer = await server.get()
    expect(answer.status).toBe(200)
    expect(answer.field('content-type')).toBe('text/event-stream')
    expect(answer.field('cache-control')).toBe('no-cache, no-transform')
    expect(answer.field('x-accel-buffering')).toBe('no')
    await answer.receives('retry: 2000\n\n')
  })

  holds('Last-Event-ID comes by field, and by query', async ({ serve }) => {
    const server = await serve(() => sse(({ lastEventId }) => [`after ${lastEventId}`], QUIET))
    const byField = await server.get('/', { fields: { 'last-event-id': '7' } })
    expect(await byField.whole()).toBe('data: after 7\n\n')
    const byQuery = await server.get('/?lastEventId=8')
    expect(await byQuery.whole()).toBe('data: after 8\n\n')
  })

  holds('204, 406 and JSON are answered as such', async ({ serve }) => {
    const server = await serve({
      '/through': () => sse(() => null),
      '/only': () => sse(['a'], { accept: 'only' }),
      '/dual': () => sse([{ data: 1 }, 'b'], { accept: 'dual' }),
    })
    expect((await server.get('/through')).status).toBe(204)
    const only = await server.get('/only', { fields: { accept: 'application/json' } })
    expect([only.status, await only.whole()]).toEqual([406, 'Accept text/event-stream\n'])
    const dual = await server.get('/dual', { fields: { accept: 'application/json' } })
    expect(dual.field('content-type')).toBe('application/json')
    expect(JSON.parse(await dual.whole())).toEqual([1, 'b'])
  })

  holds('at its maximum age a stream ends well, with the farewell', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      sse(({ signal }) => silent(signal), { ...QUIET, maxAgeMs: 100, farewell: { event: 'bye' } }).after(
        journal.noting('after'),
      ),
    )
    expect(await (await server.get()).whole()).toBe('event: bye\n\n')
    expect(await journal.first<StreamEnd>('after')).toMatchObject({ outcome: 'timeout', committed: true })
  })

  holds.where('shutdown', 'a host that closes lets streams say their farewell', async ({ serve }) => {
    const server = await serve(() => sse(({ signal }) => silent(signal), { ...QUIET, farewell: 'bye' }))
    const answer = await server.get()
    await server.close({ graceMs: 50 })
    expect(await answer.whole()).toBe('data: bye\n\n')
  })

  holds('until ends streams well on every host', async ({ serve }) => {
    const closing = new AbortController()
    const server = await serve(() =>
      sse(({ signal }) => silent(signal), { ...QUIET, until: closing.signal, farewell: 'bye' }),
    )
    const answer = await server.get()
    closing.abort()
    expect(await answer.whole()).toBe('data: bye\n\n')
  })

  holds('a session refuses a bad event, and goes on', async ({ serve }) => {
    const server = await serve(() =>
      sseSession(async (session) => {
        expect(() => session.send({ id: 'a\nb' })).toThrow('CR or LF')
        await session.send('good')
      }, QUIET),
    )
    expect(await (await server.get()).whole()).toBe('data: good\n\n')
  })

  holds('clients of a channel get each event once, also when they come back', async ({ serve }) => {
    const channel = createChannel({ ...QUIET, replay: { events: 100 } })
    const server = await serve(() => channel.subscribe())
    const first = await server.connect()
    const answer = await first.get()
    await until(() => channel.size === 1, 'it should listen')
    const id = await channel.publish('1')
    await answer.receives(`id: ${id}\ndata: 1\n\n`)
    first.leave()
    await until(() => channel.size === 0, 'it should have left')
    const missed = await channel.publish('2')
    const back = await server.get('/', { fields: { 'last-event-id': id } })
    await back.receives(`id: ${missed}\ndata: 2\n\n`)
    const next = await channel.publish('3')
    channel.close()
    expect(await back.whole()).toBe(`id: ${missed}\ndata: 2\n\nid: ${next}\ndata: 3\n\n`)
  })

  holds('a run goes on without its viewer', async ({ serve }) => {
    let go: () => void = () => {}
    const run = createRun(async function* () {
      yield 'one'
      await new Promise<void>((resolve) => (go = resolve))
      yield 'two'
    }, QUIET)
    const server = await serve(() => run.view())
    const first = await server.connect()
    const answer = await first.get()
    await answer.receives('data: one\n\n')
    first.leave()
    await until(() => run.viewers === 0, 'it should have left')
    go()
    await run.whenEnded
    const whole = await (await server.get()).whole()
    expect(whole.match(/^data: .*$/gm)).toEqual(['data: one', 'data: two', 'data: {"outcome":"completed"}'])
  })

  holds('a wire format is whole', async ({ serve }) => {
    const server = await serve(() => sseWire(() => ['Hi'], uiMessageWire()))
    const answer = await server.get()
    expect(answer.field('x-vercel-ai-ui-message-stream')).toBe('v1')
    expect(await answer.whole()).toMatch(/"delta":"Hi".*\[DONE\]\n\n$/s)
  })
})

async function* silent(signal: AbortSignal): AsyncGenerator<string> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}
