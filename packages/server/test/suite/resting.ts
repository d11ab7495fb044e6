import { StreamingResponse } from '@catzilla/streaming'
import { Journal, until, type RawResponse } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import type { ServerRequest } from '@catzilla/server'
import type { Stage } from './stage.ts'

const never = new Promise<string>(() => {})

/** A stream that waits, with its request still held by somebody. */
async function rested(serve: Stage['serve'], source: (journal: Journal) => Iterable<PromiseLike<string> | string>) {
  const journal = new Journal()
  let request: ServerRequest | undefined
  const { app, connect } = await serve((each) =>
    each.all('/:name', (req) => {
      request = req
      return new StreamingResponse(source(journal), { head: 'eager', heartbeat: { intervalMs: 20, frame: ':\n\n' } })
    }),
  )
  const client = await connect()
  client.request({
    method: 'POST',
    path: '/a-path-that-is-long-enough-to-be-a-slice?q=1',
    fields: { 'X-Field': 'value', 'Content-Length': '4' },
  })
  const response = await client.response()
  await response.receives(':\n\n')
  return { app, client, response, journal, request: request! }
}

function* quiet(journal: Journal): Generator<PromiseLike<string>> {
  try {
    while (true) yield never
  } finally {
    journal.note('released')
  }
}

/** A stream that waits keeps little of its exchange; whoever holds the request must not notice. */
export function resting({ serve }: Stage): void {
  test('what a request says can be read while its stream waits', async () => {
    const { request } = await rested(serve, quiet)
    const { method, path, url, params, query, httpVersion, remoteAddress } = request
    expect([method, path, params]).toEqual([
      'POST',
      '/a-path-that-is-long-enough-to-be-a-slice',
      { name: 'a-path-that-is-long-enough-to-be-a-slice' },
    ])
    expect([url, query.get('q'), request.headers.get('x-field')]).toEqual([`${path}?q=1`, '1', 'value'])
    expect([httpVersion, remoteAddress]).toEqual(['1.1', '127.0.0.1'])
  })

  test('its signal, read only then, fires when the client leaves', async () => {
    const { client, request, journal } = await rested(serve, quiet)
    const { signal } = request
    expect(signal.aborted).toBe(false)
    signal.addEventListener('abort', () => journal.note('aborted'))
    client.reset()
    await journal.first('aborted')
    await journal.first('released')
  })

  test('its signal, read after the client has left, has fired', async () => {
    const { client, request, journal, app } = await rested(serve, quiet)
    client.reset()
    await journal.first('released')
    await until(() => app.stats().activeStreams === 0, 'the stream should be gone')
    expect(request.signal.aborted).toBe(true)
  })

  test('its body can be read then', async () => {
    const { client, request } = await rested(serve, quiet)
    const body = request.text()
    client.send('body')
    expect(await body).toBe('body')
  })

  test('it ends well, and the connection serves the next request', async () => {
    let resolve!: (value: string) => void
    const last = new Promise<string>((settle) => (resolve = settle))
    const { client, response, app } = await rested(serve, function* () {
      yield last
    })
    client.send('body')
    resolve('bye')
    expect(await response.whole()).toContain('bye')
    await until(() => app.stats().activeStreams === 0, 'the stream should be gone')
    const next: RawResponse = await client.get('/next')
    expect(next.status).toBe(200)
  })

  test('it is stopped at shutdown', async () => {
    const { app, client, journal } = await rested(serve, quiet)
    await app.close({ graceMs: 0 })
    await journal.first('released')
    await client.ended()
  })
}
