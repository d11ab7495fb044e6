import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { ScriptedSource } from '../scripted-source.ts'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

const SECRET = 'password=hunter2'
const failure = () => new Error(SECRET)

/** Each fails before it has given anything. */
const EARLY: Record<string, () => StreamingResponse<never>> = {
  'a sync generator that throws first': () =>
    new StreamingResponse(function* () {
      throw failure()
    }),
  'an async generator that throws first': () =>
    new StreamingResponse(async function* () {
      await new Promise(setImmediate)
      throw failure()
    }),
  'a function that throws instead of giving a source': () =>
    new StreamingResponse(() => {
      throw failure()
    }),
  'a first promise that rejects': () => new StreamingResponse([Promise.reject(failure())]),
  'an encode that throws at the first item': () =>
    new StreamingResponse(['item'], {
      encode: () => {
        throw failure()
      },
    }),
  'a writer that throws before it writes': () =>
    StreamingResponse.fromWriter(async () => {
      throw failure()
    }),
}

/** Each gives `before`, then fails: in the same turn, or in a later one. */
const LATE: Record<string, () => StreamingResponse<never>> = {
  'a sync generator that throws later': () =>
    new StreamingResponse(function* () {
      yield 'before'
      throw failure()
    }),
  'an async generator that throws later': () =>
    new StreamingResponse(async function* () {
      yield 'before'
      await new Promise(setImmediate)
      throw failure()
    }),
  'a web ReadableStream that fails later': () => {
    let reads = 0
    return new StreamingResponse(
      new ReadableStream<string>({
        pull(controller) {
          if (reads++ === 0) controller.enqueue('before')
          else controller.error(failure())
        },
      }),
    )
  },
  'an encode that throws later': () =>
    new StreamingResponse(['before', 'bad'], {
      encode: (item) => {
        if (item === 'bad') throw failure()
        return item
      },
    }),
  'a tail that throws': () =>
    new StreamingResponse(['before'], {
      tail: () => {
        throw failure()
      },
    }),
  'a writer that throws later': () =>
    StreamingResponse.fromWriter(async (w) => {
      await w.write('before')
      throw failure()
    }),
}

export const ends = chapter('5. honest ends', (holds) => {
  for (const [kind, response] of Object.entries(EARLY)) {
    holds(`${kind} is answered with 500, without details`, async ({ serve }) => {
      const journal = new Journal()
      const server = await serve(() => response().after(journal.noting('after')))
      const answer = await server.get()
      expect(answer.status).toBe(500)
      expect(await answer.whole()).not.toContain(SECRET)
      expect(JSON.stringify(answer.fields)).not.toContain(SECRET)
      const end = await journal.first<StreamEnd>('after')
      expect(end).toMatchObject({ outcome: 'source-error', error: { message: SECRET }, committed: false })
    })
  }

  for (const [kind, response] of Object.entries(LATE)) {
    holds(`${kind} breaks the connection, behind what came before`, async ({ serve }) => {
      const journal = new Journal()
      const server = await serve(() => response().after(journal.noting('after')))
      const answer = await server.get()
      expect(answer.status).toBe(200)
      expect(await answer.broken()).toBe('before')
      const end = await journal.first<StreamEnd>('after')
      expect(end).toMatchObject({ outcome: 'source-error', error: { message: SECRET }, committed: true })
    })
  }

  holds.where('errorStatus', 'an early error that names a status is answered with it', async ({ serve }) => {
    const server = await serve(
      () =>
        new StreamingResponse(function* () {
          throw Object.assign(failure(), { status: 404 })
        }),
    )
    const answer = await server.get()
    expect(answer.status).toBe(404)
    expect(await answer.whole()).not.toContain(SECRET)
  })

  holds('an early failure leaves nothing of the response behind in the answer', async ({ serve }) => {
    const headers = { 'content-length': 1_000, 'content-encoding': 'gzip', etag: '"stream"' }
    const server = await serve(() => new StreamingResponse([Promise.reject(failure())], { headers }))
    const answer = await server.get()
    await answer.whole()
    expect(answer.status).toBe(500)
    expect(answer.field('content-encoding')).toBeUndefined()
    expect(answer.field('etag')).toBeUndefined()
  })

  holds.where('reuseAfterError', 'a connection goes on after an early failure', async ({ serve }) => {
    const server = await serve({
      '/bad': () => new StreamingResponse([Promise.reject(failure())]),
      '/good': () => new StreamingResponse('good'),
    })
    const client = await server.connect()
    const bad = await client.get('/bad')
    await bad.whole()
    const good = await client.get('/good')
    expect(await good.whole()).toBe('good')
  })

  holds('everything produced before a failure arrives, also more than a frame', async ({ serve }) => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`)
    const server = await serve(
      () =>
        new StreamingResponse(function* () {
          yield* lines
          throw failure()
        }),
    )
    const answer = await server.get()
    expect((await answer.broken()) === lines.join('')).toBe(true)
  })

  holds('a failure behind an eager head breaks the connection', async ({ serve }) => {
    const script = new ScriptedSource()
    const server = await serve(() => new StreamingResponse(script, { head: 'eager' }))
    const answer = await server.get()
    script.fail(failure())
    expect(answer.status).toBe(200)
    expect(await answer.broken()).toBe('')
  })

  holds.where('http1', 'fetch rejects a body that broke off', async ({ serve }) => {
    const script = new ScriptedSource('before')
    const server = await serve(() => new StreamingResponse(script))
    const answer = await fetch(`http://127.0.0.1:${server.port}/`)
    script.fail(failure())
    await expect(answer.text()).rejects.toThrow()
  })

  holds.where('http1', 'nothing is answered after a broken body', async ({ serve }) => {
    const script = new ScriptedSource('before')
    const server = await serve({
      '/broken': () => new StreamingResponse(script),
      '/next': () => new StreamingResponse('next'),
    })
    const client = await server.connect()
    client.request({ path: '/broken' }, { path: '/next' })
    const broken = await client.response()
    await broken.receives('before')
    script.fail(failure())
    expect(await broken.broken()).toBe('before')
    await expect(client.response()).rejects.toThrow('the connection has ended')
  })
})
