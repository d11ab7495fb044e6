import { expect, test } from 'vitest'
import { RawClient, until } from '@catzilla/testkit'
import type { Stage } from './stage.ts'

export function limits({ serve }: Stage): void {
  const hello = async () => serve((app) => app.get('/*', () => 'hello'))
  const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']))

  test('100 fields are taken, and 101 are answered with 431', async () => {
    const { connect } = await hello()
    expect((await (await connect()).get('/', { fields: fields(99) })).status).toBe(200) // Host is one of them.
    const client = await connect()
    const response = await client.get('/', { fields: fields(100) })
    expect([response.status, response.field('connection')]).toEqual([431, 'close'])
    await client.ended()
  })

  test('a head of more than 16 KiB is answered with 431', async () => {
    const { connect } = await hello()
    expect((await (await connect()).get('/', { fields: { 'x-a': 'x'.repeat(15_000) } })).status).toBe(200)
    const client = await connect()
    expect((await client.get('/', { fields: { 'x-a': 'x'.repeat(17_000) } })).status).toBe(431)
    await client.ended()
  })

  test('a target of more than 8 KiB is answered with 414', async () => {
    const { connect } = await hello()
    expect((await (await connect()).get(`/${'x'.repeat(8_000)}`)).status).toBe(200)
    for (const length of [9_000, 20_000]) {
      const client = await connect()
      expect((await client.get(`/${'x'.repeat(length)}`)).status).toBe(414)
      await client.ended()
    }
  })

  test('a head that is too slow is answered with 408', async () => {
    const { connect } = await serve((app) => app.get('/', () => ''), { limits: { headTimeoutMs: 200 } })
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHo', { method: 'GET', version: '1.1' })
    expect((await client.response()).status).toBe(408)
    await client.ended()
  })

  test('an idle connection is closed after keepAliveMs', async () => {
    const { connect } = await serve((app) => app.get('/', () => 'hello'), { limits: { keepAliveMs: 300 } })
    const client = await connect()
    await (await client.get()).whole()
    await client.ended()
  })

  test('no timeout cuts an answer in progress', async () => {
    const { connect } = await serve((app) => app.get('/', () => new Promise((done) => setTimeout(done, 700, 'late'))), {
      limits: { headTimeoutMs: 100, bodyTimeoutMs: 100, keepAliveMs: 100, stallMs: 100 },
    })
    expect(await (await (await connect()).get()).whole()).toBe('late')
  })

  test('a reader that takes nothing of a whole answer is dropped after stallMs', async () => {
    const { connect, app } = await serve((app) => app.get('/', () => 'x'.repeat(64 * 1024 * 1024)), {
      limits: { stallMs: 300 },
    })
    const client = await connect()
    client.stall()
    client.request({})
    await until(() => app.stats().activeExchanges === 1, 'the request should arrive')
    await until(() => app.stats().connections === 0, 'the connection should be dropped')
  })

  test('connections beyond maxConnections are turned away', async () => {
    const { connect, port, app } = await serve((app) => app.get('/', () => 'hello'), { limits: { maxConnections: 1 } })
    const client = await connect()
    await (await client.get()).whole()
    const second = await RawClient.connect(port)
    second.request({})
    await second.ended()
    client.leave()
    await until(() => app.stats().connections === 0, 'the first connection should be gone')
    expect(await (await (await connect()).get()).whole()).toBe('hello')
  })

  const malformed: Record<string, string> = {
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
    'two Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'a space before the colon': 'GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n',
    'both lengths': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'two lengths that differ': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'a length that is no number': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na',
    'a folded field': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n',
    'a NUL in a value': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: \0\r\n\r\n',
    'a method that is no token': 'G T / HTTP/1.1\r\nHost: a\r\n\r\n',
    'no version': 'GET /\r\n\r\n',
  }
  for (const [what, bytes] of Object.entries(malformed)) {
    test(`a request with ${what} is answered with 400, and the connection ends`, async () => {
      const { connect } = await hello()
      const client = await connect()
      client.send(bytes, { method: 'GET', version: '1.1' })
      expect((await client.response()).status).toBe(400)
      await client.ended()
    })
  }
}
