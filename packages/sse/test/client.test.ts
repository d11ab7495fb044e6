import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { send } from '@catzilla/streaming/node'
import { until } from '@catzilla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { connectEvents, type ClientOptions } from '../src/client.ts'
import { createChannel, sse } from '../src/index.ts'

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

const FAST = { retryMs: 5 } as const

async function serve(answer: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const server = createServer((req, res) => void answer(req, res))
  cleanUps.push(() => server.close().closeAllConnections())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function collect(url: string, options: ClientOptions = {}): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const { type, data } of connectEvents(url, { ...FAST, ...options })) seen.push([type, data])
  return seen
}

describe('a connection', () => {
  test('gives typed events, and ends with 204', async () => {
    const url = await serve((req, res) =>
      send(
        req,
        res,
        sse(({ lastEventId }) => (lastEventId === '2' ? null : [{ data: { a: 1 } }, { event: 'b', id: 2, data: [] }]), {
          retryMs: 1,
        }),
      ),
    )
    const connection = connectEvents<{ message: { a: number }; b: number[] }>(url, { ...FAST, parse: JSON.parse })
    const seen: unknown[] = []
    for await (const event of connection) seen.push(event.type === 'message' ? event.data.a : event.data.length)
    expect(seen).toEqual([1, 0])
    expect(connection.lastEventId).toBe('2')
  })

  test('goes on where it was when it breaks, without a gap or a duplicate', async () => {
    const channel = createChannel({ replay: { events: 1000 }, retryMs: 1 })
    let connections = 0
    const url = await serve((req, res) => {
      connections++
      void send(req, res, channel.subscribe({ from: 'start' }))
      setTimeout(() => res.socket?.destroy(), 30)
    })
    let next = 0
    const timer = setInterval(() => void channel.publish(String(next++)), 2)
    cleanUps.push(() => clearInterval(timer))
    const seen: string[] = []
    for await (const { data } of connectEvents(url, FAST)) {
      seen.push(data)
      if (connections > 5) break
    }
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => String(i)))
    await until(() => channel.size === 0, 'leaving the loop should close the connection')
  })

  test('sends method, body and fields that are made anew, and an id of any alphabet', async () => {
    const seen: unknown[] = []
    let turn = 0
    const url = await serve(async (req, res) => {
      let body = ''
      for await (const chunk of req) body += String(chunk)
      seen.push([req.method, body, req.headers['x-token'], req.headers['accept']])
      await send(
        req,
        res,
        sse(
          ({ lastEventId }) =>
            lastEventId === null ? [{ id: 'é→', data: 'a' }] : lastEventId === 'é→' ? null : ['wrong'],
          { retryMs: 1 },
        ),
      )
    })
    const options = { method: 'POST', body: '{"q":1}', headers: () => ({ 'x-token': String(turn++) }) }
    expect(await collect(url, options)).toEqual([['message', 'a']])
    expect(seen).toEqual(['0', '1'].map((token) => ['POST', '{"q":1}', token, 'text/event-stream']))
  })

  test('a server that is away, or answers with what passes, is tried again', async () => {
    let turn = 0
    const url = await serve((req, res) => {
      turn++
      if (turn === 1) return req.socket.destroy()
      if (turn === 2) return res.writeHead(503, { 'retry-after': '0' }).end()
      if (turn === 3) return send(req, res, sse(['a'], { retryMs: 1 }))
      return res.writeHead(204).end()
    })
    expect(await collect(url)).toEqual([['message', 'a']])
    expect(turn).toBe(4)
  })

  test.each<[string, number, string, string]>([
    ['a status that stays', 404, 'text/event-stream', 'CZ_SSE_CLIENT_STATUS'],
    ['another type', 200, 'text/html', 'CZ_SSE_CLIENT_TYPE'],
    ['a type that only begins alike', 200, 'text/event-streamer', 'CZ_SSE_CLIENT_TYPE'],
  ])('%s is an error', async (_what, status, type, code) => {
    const url = await serve((_req, res) => res.writeHead(status, { 'content-type': type }).end('data: x\n\n'))
    await expect(collect(url)).rejects.toMatchObject({ code })
  })

  test('gives up after so many failures in a row', async () => {
    let turn = 0
    const url = await serve((_req, res) => {
      turn++
      res.writeHead(500).end()
    })
    await expect(collect(url, { maxFailures: 2 })).rejects.toMatchObject({ code: 'CZ_SSE_CLIENT_LOST' })
    expect(turn).toBe(3)
  })

  test('data that cannot be parsed is an error that shows it', async () => {
    const url = await serve((req, res) => send(req, res, sse(['no json'])))
    await expect(collect(url, { parse: JSON.parse })).rejects.toMatchObject({
      code: 'CZ_SSE_CLIENT_DATA',
      message: expect.stringContaining('no json'),
    })
  })

  test('one that is silent for too long is made anew', async () => {
    let turn = 0
    const url = await serve((req, res) => {
      if (++turn === 1)
        return send(
          req,
          res,
          sse(({ signal }) => silent(signal), { heartbeatMs: null, retryMs: 1 }),
        )
      return res.writeHead(204).end()
    })
    expect(await collect(url, { silenceMs: 50 })).toEqual([])
    expect(turn).toBe(2)
  })

  test.each(['close()', 'the signal'])('%s ends it while it waits', async (how) => {
    const url = await serve((req, res) =>
      send(
        req,
        res,
        sse(({ signal }) => silent(signal)),
      ),
    )
    const leaving = new AbortController()
    const connection = connectEvents(url, { signal: leaving.signal })
    setTimeout(() => (how === 'close()' ? connection.close() : leaving.abort()), 50)
    const seen: string[] = []
    for await (const { data } of connection) seen.push(data)
    expect(seen).toEqual([])
  })
})

async function* silent(signal: AbortSignal): AsyncGenerator<string> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}
