import { expect, test } from 'vitest'
import { HttpError, reply, type Logger } from '@catzilla/server'
import { StreamingResponse } from '@catzilla/streaming'
import { Journal } from '@catzilla/testkit'
import type { Stage } from './stage.ts'

/** Notes what is logged, by level. */
function journalLogger(journal: Journal): Logger {
  const log =
    (level: string) =>
    (...details: unknown[]) =>
      journal.note(level, details)
  return { info: log('info'), warn: log('warn'), error: log('error') }
}

export function errors({ serve }: Stage): void {
  const secret = () => new Error('the password is 1234')

  const failing: Record<string, () => unknown> = {
    'is thrown': () => {
      throw secret()
    },
    'is thrown by an async handler': async () => {
      throw secret()
    },
    'is thrown by a sync generator before its first item': function* () {
      throw secret()
    },
    'is thrown by an async generator before its first item': async function* () {
      await Promise.resolve()
      throw secret()
    },
    'is thrown by encode() for the first item': () =>
      new StreamingResponse([1], {
        encode: () => {
          throw secret()
        },
      }),
  }
  for (const [how, handler] of Object.entries(failing)) {
    test(`an error that ${how} is answered with 500 without a detail, and logged`, async () => {
      const journal = new Journal()
      const { fetch } = await serve((app) => app.get('/:id', handler), { logger: journalLogger(journal) })
      const response = await fetch('/7?token=abc')
      expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error'])
      expect(JSON.stringify([...response.headers])).not.toContain('1234')
      const logged = await journal.first<unknown[]>('error')
      expect(logged).toEqual(['%s %s failed:', 'GET', '/7', secret()])
    })
  }

  test('what is thrown and is no error is answered with 500', async () => {
    const { fetch } = await serve((app) =>
      app.get('/', () => {
        throw null
      }),
    )
    expect((await fetch('/')).status).toBe(500)
  })

  test('the status of an error is honoured, and its message is not shown', async () => {
    const { fetch } = await serve((app) =>
      app.get('/:status', (req) => {
        throw Object.assign(secret(), { status: Number(req.params.status) })
      }),
    )
    for (const [given, answered] of [
      [404, 404],
      [503, 503],
      [200, 500],
      [302, 500],
      [999, 500],
      [Number.NaN, 500],
    ]) {
      const response = await fetch(`/${given}`)
      expect([response.status, await response.text()]).toEqual([answered, expect.not.stringContaining('1234')])
    }
  })

  test('an HttpError shows its message only where it says so, and brings its fields', async () => {
    const { fetch } = await serve((app) => {
      app.get('/hidden', () => {
        throw new HttpError(403, 'you are on the list')
      })
      app.get('/shown', async function* () {
        throw new HttpError(429, 'Slow down', { expose: true, headers: { 'retry-after': 7 } })
      })
    })
    const hidden = await fetch('/hidden')
    expect([hidden.status, await hidden.text()]).toEqual([403, 'Forbidden'])
    const shown = await fetch('/shown')
    expect([shown.status, await shown.text(), shown.headers.get('retry-after')]).toEqual([429, 'Slow down', '7'])
  })

  test("a client's fault is not logged as an error", async () => {
    const journal = new Journal()
    const { fetch } = await serve(
      (app) =>
        app.get('/', () => {
          throw new HttpError(404)
        }),
      { logger: journalLogger(journal) },
    )
    await fetch('/')
    await fetch('/nowhere')
    expect(journal.events).toEqual([])
  })

  test('a first item that is too late is answered with 503', async () => {
    const { fetch } = await serve((app) =>
      app.get('/', () => new StreamingResponse(new ReadableStream<string>(), { deadlines: { firstItemMs: 50 } })),
    )
    const response = await fetch('/')
    expect([response.status, await response.text()]).toEqual([503, 'Service Unavailable'])
  })

  test('an error after the first item breaks the connection off, and is logged', async () => {
    const journal = new Journal()
    const { connect } = await serve(
      (app) =>
        app.get('/', async function* () {
          yield 'begun'
          throw secret()
        }),
      { logger: journalLogger(journal) },
    )
    const response = await (await connect()).get()
    expect([response.status, await response.broken()]).toEqual([200, 'begun'])
    expect(await journal.first('error')).toContainEqual(secret())
  })

  test('a client that leaves is information, not an error', async () => {
    const journal = new Journal()
    const { connect } = await serve(
      (app) =>
        app.get('/', function* () {
          for (;;) yield 'more '
        }),
      { logger: journalLogger(journal) },
    )
    const client = await connect()
    await (await client.get()).receives('more')
    client.reset()
    await journal.first('info')
    expect(journal.times('error')).toBe(0)
  })

  test('after() hears of an early failure', async () => {
    const journal = new Journal()
    const { fetch } = await serve((app) =>
      app.get('/', () =>
        new StreamingResponse(function* () {
          throw new HttpError(418)
        }).after(journal.noting('after')),
      ),
    )
    expect((await fetch('/')).status).toBe(418)
    expect(await journal.first('after')).toMatchObject({ outcome: 'source-error', committed: false })
  })

  test('onError() answers with the status of the error, or with one of its own', async () => {
    const { fetch } = await serve((app) => {
      app.get('/plain', () => {
        throw Object.assign(secret(), { status: 422 })
      })
      app.get('/own', () => {
        throw secret()
      })
      app.get('/left', () => {
        throw new HttpError(402)
      })
      app.get('/stream', async function* () {
        throw new HttpError(409)
      })
      app.onError(async (error, req) => {
        if (req.path === '/own') return reply('see there', { status: 303, headers: { location: '/there' } })
        if (req.path === '/stream') return ['streamed ', 'error'].values()
        if (req.path === '/left') return undefined
        return { problem: error instanceof HttpError ? error.status : 'unknown' }
      })
    })
    const plain = await fetch('/plain')
    expect([plain.status, await plain.json()]).toEqual([422, { problem: 'unknown' }])
    expect((await fetch('/own', { redirect: 'manual' })).status).toBe(303)
    expect(await (await fetch('/left')).text()).toBe('Payment Required')
    const stream = await fetch('/stream')
    expect([stream.status, await stream.text()]).toEqual([409, 'streamed error'])
    const nowhere = await fetch('/nowhere')
    expect([nowhere.status, await nowhere.json()]).toEqual([404, { problem: 404 }])
  })

  test('onError() that fails itself is answered with a plain 500', async () => {
    const { fetch } = await serve((app) => {
      app.get('/:how', () => {
        throw new HttpError(404)
      })
      app.onError((_error, { path }) => {
        if (path === '/throws') throw secret()
        if (path === '/rejects') return Promise.reject(secret())
        if (path === '/stream')
          return (function* () {
            throw secret()
          })()
        return 1n
      })
    })
    for (const how of ['throws', 'rejects', 'stream', 'cannot']) {
      const response = await fetch(`/${how}`)
      expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error'])
    }
  })
}
