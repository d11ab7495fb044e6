import { expect, test } from 'vitest'
import { Journal } from '@catzilla/testkit'
import type { Stage } from './stage.ts'

export function requests({ serve }: Stage): void {
  test('the query is parsed, with repeated names and encodings', async () => {
    const { fetch } = await serve((app) => app.get('/', (req) => [...req.query]))
    const query = await (await fetch('/?a=1&a=2&b=%C3%A9+x&c')).json()
    expect(query).toEqual([
      ['a', '1'],
      ['a', '2'],
      ['b', 'é x'],
      ['c', ''],
    ])
  })

  test('fields are found in any case, and joined', async () => {
    const { connect } = await serve((app) =>
      app.get('/', ({ headers }) => [
        headers.get('X-One'),
        headers.get('x-many'),
        headers.has('X-ONE'),
        headers.get('x-none'),
        headers.has('x-none'),
        headers.get('constructor'),
        headers.has('__proto__'),
      ]),
    )
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nx-one: 1\r\nX-Many: 2\r\nx-MANY: 3\r\n\r\n', {
      method: 'GET',
      version: '1.1',
    })
    const response = await client.response()
    expect(JSON.parse(await response.whole())).toEqual(['1', '2, 3', true, null, false, null, false])
  })

  test('entries() gives every line in its order, names in lower case', async () => {
    const { connect } = await serve((app) => app.get('/', ({ headers }) => [...headers.entries()]))
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n\r\n', { method: 'GET', version: '1.1' })
    expect(JSON.parse(await (await client.response()).whole())).toEqual([
      ['host', 'a'],
      ['x-b', '1'],
      ['x-a', '2'],
      ['x-b', '3'],
    ])
  })

  test('of many requests at once each has its own head, be it short or long', async () => {
    const { connect } = await serve((app) =>
      app.get('/:id', ({ params, headers }) => `${params.id} ${headers.get('x-id')} ${headers.get('x-long')?.length}`),
    )
    const clients = await Promise.all(Array.from({ length: 60 }, () => connect()))
    clients.forEach((client, id) => {
      const fields = `X-Id: ${id}\r\nX-Long: ${'l'.repeat((id % 4) * 1000 + 1)}`
      client.send(`GET /${id} HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`, { method: 'GET', version: '1.1' })
    })
    const answers = await Promise.all(clients.map(async (client) => (await client.response()).whole()))
    expect(answers).toEqual(clients.map((_, id) => `${id} ${id} ${(id % 4) * 1000 + 1}`))
  })

  test('several cookie lines are joined as one', async () => {
    const { connect } = await serve((app) => app.get('/', ({ headers }) => headers.get('cookie') ?? ''))
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n', { method: 'GET', version: '1.1' })
    expect(await (await client.response()).whole()).toBe('a=1; b=2')
  })

  test('version and address of the client are told', async () => {
    const { connect } = await serve((app) => app.get('/', (req) => [req.httpVersion, req.remoteAddress]))
    const old = await (await connect()).get('/', { version: '1.0' })
    expect(JSON.parse(await old.whole())).toEqual(['1.0', '127.0.0.1'])
    const response = await (await connect()).get('/')
    expect(JSON.parse(await response.whole())).toEqual(['1.1', '127.0.0.1'])
  })

  test('signal fires when the client leaves before it is answered', async () => {
    const journal = new Journal()
    const { connect } = await serve((app) =>
      app.get('/', ({ signal }) => {
        journal.note('started')
        signal.addEventListener('abort', () => journal.note('aborted', signal.reason))
        return new Promise<string>(() => {})
      }),
    )
    const client = await connect()
    client.request({})
    await journal.first('started')
    client.reset()
    expect(await journal.first('aborted')).toMatchObject({ code: 'CZ_STREAM_ABORTED' })
  })

  test('signal that is read after the client has left has fired', async () => {
    const journal = new Journal()
    const { connect, app } = await serve((app) =>
      app.get('/', async (req) => {
        journal.note('started')
        while (app.stats().connections > 0) await new Promise(setImmediate)
        journal.note('read', req.signal.aborted)
        return ''
      }),
    )
    expect(app.stats().connections).toBe(0)
    const client = await connect()
    client.request({})
    await journal.first('started')
    client.reset()
    expect(await journal.first('read')).toBe(true)
  })

  test('signal does not fire for an answer that was sent', async () => {
    const signals: AbortSignal[] = []
    const { fetch } = await serve((app) =>
      app.get('/', ({ signal }) => {
        signals.push(signal)
        return 'sent'
      }),
    )
    await (await fetch('/')).text()
    await (await fetch('/')).text()
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false])
  })
}
