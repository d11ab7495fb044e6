import { connect as connectSocket } from 'node:net'
import { expect, test } from 'vitest'
import { StreamingResponse } from '@catzilla/streaming'
import { Journal, ScriptedSource, until, within } from '@catzilla/testkit'
import { deferred, type Stage } from './stage.ts'

export function shutdown({ serve }: Stage): void {
  test('close() ends idle connections, and resolves', async () => {
    const { connect, app } = await serve((app) => app.get('/', () => 'hello'))
    const client = await connect()
    await (await client.get()).whole()
    await within(app.close(), 'close()', 1000)
    await client.ended()
    expect(app.stats()).toMatchObject({ connections: 0, activeExchanges: 0, activeStreams: 0, requests: 1 })
  })

  test('close() accepts nothing more', async () => {
    const { port, app } = await serve((app) => app.get('/', () => 'hello'))
    await app.close()
    const socket = connectSocket(port, '127.0.0.1')
    const code = await new Promise((resolve) => socket.on('error', (error: { code?: string }) => resolve(error.code)))
    expect(code).toBe('ECONNREFUSED')
  })

  test('close() lets a running handler answer, and closes behind it', async () => {
    const journal = new Journal()
    const goOn = deferred()
    const { connect, app } = await serve((app) =>
      app.get('/', () => {
        journal.note('started')
        return goOn.promise.then(() => 'in time')
      }),
    )
    const client = await connect()
    client.request({})
    await journal.first('started')
    const closed = app.close()
    goOn.resolve()
    const response = await client.response()
    expect([await response.whole(), response.field('connection')]).toEqual(['in time', 'close'])
    await within(closed, 'close()')
  })

  test('close() lets a running stream finish within the grace', async () => {
    const script = new ScriptedSource('begun ')
    const { connect, app } = await serve((app) => app.get('/', () => new StreamingResponse(script)))
    const client = await connect()
    const response = await client.get()
    await response.receives('begun')
    const closed = app.close()
    script.give('ended')
    script.end()
    expect(await response.whole()).toBe('begun ended')
    await within(closed, 'close()')
    await client.ended()
  })

  test('a stream that outlives the grace ends as shutdown, broken off and released', async () => {
    const journal = new Journal()
    const script = new ScriptedSource('begun')
    const { connect, app } = await serve((app) =>
      app.get('/', ({ signal }) => {
        signal.addEventListener('abort', () => journal.note('aborted', signal.reason))
        return new StreamingResponse(script).after(journal.noting('after'))
      }),
    )
    const response = await (await connect()).get()
    await response.receives('begun')
    await within(app.close({ graceMs: 50 }), 'close()', 2000)
    expect(await response.broken()).toBe('begun')
    expect(await journal.first('after')).toMatchObject({ outcome: 'shutdown' })
    expect(await journal.first('aborted')).toMatchObject({ code: 'CZ_SERVER_SHUTDOWN' })
    expect(script.journal.times('return')).toBe(1)
    expect(app.stats()).toMatchObject({ connections: 0, activeStreams: 0 })
  })

  test.each([
    [0, 2],
    [0, 1],
    [2, 0],
  ])('when streams %d and %d of three have ended, the other is stopped', async (...ended) => {
    const outcomes: string[] = []
    const scripts = [0, 1, 2].map(() => new ScriptedSource('begun'))
    const { connect, app } = await serve((app) =>
      app.get('/:index', ({ params }) =>
        new StreamingResponse(scripts[Number(params.index)]!).after(({ outcome }) => outcomes.push(outcome)),
      ),
    )
    for (const index of scripts.keys()) await (await (await connect()).get(`/${index}`)).receives('begun')
    for (const [before, index] of ended.entries()) {
      expect(app.stats().activeStreams).toBe(3 - before)
      scripts[index]!.end()
      await until(() => outcomes.length > before, 'an end')
    }
    await within(app.close({ graceMs: 50 }), 'close()', 2000)
    expect(outcomes).toEqual(['completed', 'completed', 'shutdown'])
    expect(app.stats().activeStreams).toBe(0)
  })

  test('a stream without a first item is answered with 503 at the end of the grace', async () => {
    const script = new ScriptedSource()
    const { connect, app } = await serve((app) => app.get('/', () => new StreamingResponse(script)))
    const client = await connect()
    client.request({})
    await script.journal.first('next')
    const closed = app.close({ graceMs: 50 })
    const response = await client.response()
    expect([response.status, await response.whole()]).toEqual([503, 'Service Unavailable'])
    await within(closed, 'close()', 2000)
  })

  test('a handler that never answers is cut off at the end of the grace', async () => {
    const journal = new Journal()
    const { connect, app } = await serve((app) =>
      app.get('/', ({ signal }) => {
        journal.note('started')
        signal.addEventListener('abort', () => journal.note('aborted'))
        return new Promise<string>(() => {})
      }),
    )
    const client = await connect()
    client.request({})
    await journal.first('started')
    await within(app.close({ graceMs: 50 }), 'close()', 2000)
    await journal.first('aborted')
    await client.ended()
  })

  test('a reader that stands still does not hold close() beyond the grace', async () => {
    const { connect, app } = await serve((app) =>
      app.get('/', function* () {
        for (;;) yield 'x'.repeat(10_000)
      }),
    )
    const client = await connect()
    await client.get()
    client.stall()
    await within(app.close({ graceMs: 50 }), 'close()', 2000)
  })

  test('close() can be called again, and gives the same promise', async () => {
    const { app } = await serve((app) => app.get('/', () => ''))
    expect(app.close()).toBe(app.close())
    await app.close()
  })

  test('an app that was closed does not listen again', async () => {
    const { app } = await serve((app) => app.get('/', () => ''))
    await app.close()
    await expect(app.listen()).rejects.toMatchObject({ code: 'CZ_SERVER_LISTENING' })
  })
}
