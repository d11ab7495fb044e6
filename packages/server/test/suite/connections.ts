import { expect, test } from 'vitest'
import { Journal } from '@catzilla/testkit'
import { deferred, type Stage } from './stage.ts'

export function connections({ serve }: Stage): void {
  test('a connection carries one request after another', async () => {
    const { connect, app } = await serve((app) => app.get('/:n', (req) => req.params.n))
    const client = await connect()
    for (const n of ['1', '2', '3']) expect(await (await client.get(`/${n}`)).whole()).toBe(n)
    expect(app.stats()).toMatchObject({ connections: 1, requests: 3, activeExchanges: 0 })
  })

  test('pipelined requests start one after another and are answered in order', async () => {
    const journal = new Journal()
    const goOn = deferred()
    const { connect } = await serve((app) => {
      app.get('/slow', async () => {
        journal.note('slow')
        await goOn.promise
        journal.note('slow done')
        return 'slow'
      })
      app.get('/quick', () => {
        journal.note('quick')
        return 'quick'
      })
    })
    const client = await connect()
    client.request({ path: '/slow' }, { path: '/quick' }, { path: '/quick' })
    await journal.first('slow')
    goOn.resolve()
    for (const text of ['slow', 'quick', 'quick']) expect(await (await client.response()).whole()).toBe(text)
    expect(journal.events).toEqual(['slow', 'slow done', 'quick', 'quick'])
  })

  test('a thousand pipelined requests are all answered', async () => {
    const { connect } = await serve((app) => app.get('/:n', (req) => req.params.n))
    const client = await connect()
    const paths = Array.from({ length: 1000 }, (_, n) => ({ path: `/${n}` }))
    client.request(...paths)
    for (let n = 0; n < 1000; n++) expect(await (await client.response()).whole()).toBe(String(n))
  })

  test('a pipelined request behind a body is found', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()).get('/', () => 'got'))
    const client = await connect()
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\nHost: a\r\n\r\n',
      { method: 'POST', version: '1.1' },
      { method: 'GET', version: '1.1' },
    )
    expect(await (await client.response()).whole()).toBe('body')
    expect(await (await client.response()).whole()).toBe('got')
  })

  test('what is no HTTP is answered with 400 behind the answers before it', async () => {
    const goOn = deferred()
    const { connect } = await serve((app) => app.get('/', () => goOn.promise.then(() => 'good')))
    const client = await connect()
    client.send(
      'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nbad header\r\n\r\n',
      { method: 'GET', version: '1.1' },
      { method: 'GET', version: '1.1' },
    )
    goOn.resolve()
    expect(await (await client.response()).whole()).toBe('good')
    const bad = await client.response()
    expect([bad.status, bad.field('connection')]).toEqual([400, 'close'])
    await client.ended()
  })

  test('CONNECT is refused', async () => {
    const { connect } = await serve((app) => app.get('/', () => ''))
    const client = await connect()
    client.send('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', { method: 'GET', version: '1.1' })
    expect((await client.response()).status).toBeGreaterThanOrEqual(400)
    await client.ended()
  })

  test('a request to upgrade is answered as if it did not ask', async () => {
    const { connect } = await serve((app) => app.get('/', () => 'as it is'))
    const client = await connect()
    const response = await client.get('/', { fields: { connection: 'upgrade', upgrade: 'websocket' } })
    expect([response.status, await response.whole()]).toEqual([200, 'as it is'])
  })

  test('Connection: close is honoured', async () => {
    const { connect } = await serve((app) => app.get('/', () => 'last'))
    const client = await connect()
    const response = await client.get('/', { fields: { connection: 'close' } })
    expect([await response.whole(), response.field('connection')]).toEqual(['last', 'close'])
    expect(await client.ended()).toBe('end')
  })

  test('an HTTP/1.0 client gets its answer, then the end', async () => {
    const { connect } = await serve((app) => app.get('/', () => 'old'))
    const client = await connect()
    expect(await (await client.get('/', { version: '1.0' })).whole()).toBe('old')
    expect(await client.ended()).toBe('end')
  })

  test('a client that closes its side while the handler works gets the answer', async () => {
    const journal = new Journal()
    const goOn = deferred()
    const { connect } = await serve((app) =>
      app.get('/', () => {
        journal.note('started')
        return goOn.promise.then(() => 'in spite of FIN')
      }),
    )
    const client = await connect()
    client.request({})
    client.halfClose()
    await journal.first('started')
    goOn.resolve()
    expect(await (await client.response()).whole()).toBe('in spite of FIN')
    await client.ended()
  })

  test('a client that closed its side is given up when its answer takes too long', async () => {
    const journal = new Journal()
    const { connect } = await serve((app) =>
      app.get('/', ({ signal }) => {
        signal.addEventListener('abort', () => journal.note('aborted'))
        return new Promise<string>(() => {})
      }),
    )
    const client = await connect()
    client.request({})
    client.halfClose()
    await journal.first('aborted')
  })
}
