import { expect, test } from 'vitest'
import { Journal } from '@catzilla/testkit'
import { deferred, type Stage } from './stage.ts'

type Body = NonNullable<RequestInit['body']>
const MIB = 1024 * 1024

export function bodies({ serve }: Stage): void {
  const post = (body: Body, more?: RequestInit): RequestInit => ({ method: 'POST', body, ...more })
  /** Sent with chunked coding, as its length is not known. */
  const chunked = (...parts: string[]): RequestInit => post(new Blob(parts).stream(), { duplex: 'half' })

  test('json() gives the parsed body', async () => {
    const { fetch } = await serve((app) => app.post('/', async (req) => (await req.json<{ a: number }>()).a + 1))
    expect(await (await fetch('/', post('{"a":1}'))).json()).toBe(2)
  })

  test('json() does not ask for a content type', async () => {
    const { fetch } = await serve((app) => app.post('/', (req) => req.json()))
    const init = post('[1]', { headers: { 'content-type': 'text/plain' } })
    expect(await (await fetch('/', init)).json()).toEqual([1])
  })

  test('malformed JSON is answered with 400, and its error has a code', async () => {
    const codes: unknown[] = []
    const { fetch } = await serve((app) => {
      app.post('/', (req) => req.json())
      app.onError((error) => void codes.push((error as { code: string }).code))
    })
    for (const body of ['{"a":', '', 'nope', new Uint8Array([0x22, 0xff, 0x22])]) {
      expect((await fetch('/', post(body))).status).toBe(400)
    }
    expect(codes).toEqual(Array(4).fill('CZ_BODY_JSON'))
  })

  test('text() decodes UTF-8 across chunk borders', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()))
    const client = await connect()
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    client.send(head, { method: 'POST', version: '1.1' })
    for (const byte of Buffer.from('añ€😀')) client.send(Buffer.from([0x31, 13, 10, byte, 13, 10]))
    client.send('0\r\n\r\n')
    expect(await (await client.response()).whole()).toBe('añ€😀')
  })

  test('bytes() gives every byte', async () => {
    const all = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
    const { fetch } = await serve((app) => app.post('/', (req) => req.bytes()))
    const echoed = new Uint8Array(await (await fetch('/', post(all))).arrayBuffer())
    expect(Buffer.compare(echoed, all)).toBe(0)
  })

  test('the body can be asked for again, in another form', async () => {
    const { fetch } = await serve((app) =>
      app.post('/', async (req) => [await req.text(), await req.json(), (await req.bytes()).length]),
    )
    expect(await (await fetch('/', post('[1]'))).json()).toEqual(['[1]', [1], 3])
  })

  test('a request without a body has an empty one', async () => {
    const { fetch } = await serve((app) =>
      app.get('/', async (req) => {
        const whole = await req.bytes()
        return [await req.text(), whole.length]
      }),
    )
    expect(await (await fetch('/')).json()).toEqual(['', 0])
  })

  test('a chunked body is whole', async () => {
    const { fetch } = await serve((app) => app.post('/', (req) => req.text()))
    expect(await (await fetch('/', chunked('one ', 'two ', 'three'))).text()).toBe('one two three')
  })

  test('body can be iterated', async () => {
    const { fetch } = await serve((app) =>
      app.post('/', async (req) => {
        let length = 0
        for await (const bytes of req.body) length += bytes.length
        return length
      }),
    )
    expect(await (await fetch('/', post('x'.repeat(3 * MIB)))).json()).toBe(3 * MIB)
  })

  test('body of a request without one is empty', async () => {
    const { fetch } = await serve((app) => app.get('/', (req) => req.body))
    expect(await (await fetch('/')).text()).toBe('')
  })

  test('body can be sent back as it comes', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.body))
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n', {
      method: 'POST',
      version: '1.1',
    })
    const response = await client.response()
    await response.receives('one')
    client.send('3\r\ntwo\r\n')
    await response.receives('onetwo')
    client.send('0\r\n\r\n')
    expect(await response.whole()).toBe('onetwo')
  })

  test('body that was streamed cannot be asked for as a whole', async () => {
    const { fetch } = await serve((app) =>
      app.post('/', async (req) => {
        await req.body.cancel()
        return req.text().catch((error: { code: string }) => error.code)
      }),
    )
    expect(await (await fetch('/', post('abc'))).text()).toBe('CZ_BODY_USED')
  })

  test('a declared length over the limit is answered with 413 before a byte is read', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()), { bodyLimit: 10 })
    const client = await connect()
    const response = await client.get('/', { method: 'POST', fields: { 'content-length': '11' } })
    expect([response.status, await response.whole()]).toEqual([413, 'Payload Too Large'])
  })

  test('a body over the limit costs the connection only where it is too large to be read for its sake', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()), { bodyLimit: 10 })
    const client = await connect()
    const small = await client.get('/', { method: 'POST', fields: { 'content-length': '11' } })
    expect([small.status, small.keepsAlive]).toEqual([413, true])
    client.send('0123456789x')
    const large = await client.get('/', { method: 'POST', fields: { 'content-length': '1000000' } })
    expect([large.status, large.keepsAlive]).toEqual([413, false])
  })

  test('a chunked body over the limit is answered with 413', async () => {
    const { fetch } = await serve((app) => app.post('/', (req) => req.text()), { bodyLimit: 10 })
    expect((await fetch('/', chunked('0123456789'))).status).toBe(200)
    expect((await fetch('/', chunked('0123456789', 'x'))).status).toBe(413)
  })

  test('one call can have a limit of its own', async () => {
    const { fetch } = await serve(
      (app) => {
        app.post('/more', (req) => req.text({ limit: 20 }))
        app.post('/less', (req) => req.text({ limit: 5 }))
      },
      { bodyLimit: 10 },
    )
    expect((await fetch('/more', post('x'.repeat(20)))).status).toBe(200)
    expect((await fetch('/more', post('x'.repeat(21)))).status).toBe(413)
    expect((await fetch('/less', post('x'.repeat(6)))).status).toBe(413)
  })

  test('a handler can answer for a body that is too large', async () => {
    const { fetch } = await serve(
      (app) => app.post('/', (req) => req.text().catch((error: { code: string }) => error.code)),
      { bodyLimit: 10 },
    )
    expect(await (await fetch('/', post('x'.repeat(100)))).text()).toBe('CZ_BODY_TOO_LARGE')
  })

  test('the client is held back while nobody reads', async () => {
    const goOn = deferred()
    const { connect } = await serve((app) =>
      app.post('/', async (req) => {
        await goOn.promise
        let length = 0
        for await (const bytes of req.body) length += bytes.length
        return length
      }),
    )
    const length = 32 * MIB
    const client = await connect()
    const before = process.memoryUsage().arrayBuffers
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`, { method: 'POST', version: '1.1' })
    const part = Buffer.alloc(MIB)
    for (let sent = 0; sent < length; sent += MIB) client.send(part)
    await new Promise((resolve) => setTimeout(resolve, 200)) // Time to take more than it should.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB)
    goOn.resolve()
    expect(await (await client.response(20_000)).whole()).toBe(String(length))
  })

  test('a small body that nobody reads does not cost the connection', async () => {
    const { connect } = await serve((app) => app.post('/', () => 'unread'))
    const client = await connect()
    for (let i = 0; i < 3; i++) {
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345', { method: 'POST', version: '1.1' })
      expect(await (await client.response()).whole()).toBe('unread')
    }
    const part = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${part}0\r\n\r\n`, {
      method: 'POST',
      version: '1.1',
    })
    expect(await (await client.response()).whole()).toBe('unread')
    expect(await (await client.get('/', { method: 'POST', fields: { 'content-length': '0' } })).whole()).toBe('unread')
  })

  test('a large body that nobody reads closes the connection behind the answer, which arrives', async () => {
    const { connect } = await serve((app) => app.post('/', () => 'unread'))
    const client = await connect()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * MIB}\r\n\r\n`, { method: 'POST', version: '1.1' })
    client.send(Buffer.alloc(MIB))
    const response = await client.response()
    expect([await response.whole(), response.field('connection')]).toEqual(['unread', 'close'])
    expect(await client.ended()).toBe('end')
  })

  test('a chunked body without an end that nobody reads ends the connection', async () => {
    const { connect } = await serve((app) => app.post('/', () => 'unread'))
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', { method: 'POST', version: '1.1' })
    const part = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    for (let i = 0; i < 16; i++) client.send(part)
    expect(await (await client.response()).whole()).toBe('unread')
    await client.ended()
  })

  test('Expect: 100-continue is answered when the body is read, and not before', async () => {
    const goOn = deferred()
    const { connect } = await serve((app) =>
      app.post('/', async (req) => {
        await goOn.promise
        return req.text()
      }),
    )
    const client = await connect()
    const fields = { 'content-length': '4', expect: '100-continue' }
    client.request({ method: 'POST', fields })
    goOn.resolve()
    client.send('body')
    expect(await (await client.response()).whole()).toBe('body')
  })

  test('Expect: 100-continue whose body is refused closes the connection behind the answer', async () => {
    const { connect } = await serve((app) => app.post('/', () => 'no, thanks'))
    const client = await connect()
    const response = await client.get('/', {
      method: 'POST',
      fields: { 'content-length': '4', expect: '100-continue' },
    })
    expect([await response.whole(), response.field('connection')]).toEqual(['no, thanks', 'close'])
  })

  test('an unknown expectation is answered with 417', async () => {
    const { connect } = await serve((app) => app.post('/', () => ''))
    const client = await connect()
    const response = await client.get('/', { method: 'POST', fields: { 'content-length': '0', expect: 'wonders' } })
    expect(response.status).toBe(417)
  })

  test('a client that leaves in the middle of its body ends the read', async () => {
    const journal = new Journal()
    const { connect } = await serve((app) =>
      app.post('/', async (req) => {
        await req.text().catch((error: { code: string }) => journal.note('failed', error.code))
        return ''
      }),
    )
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf', { method: 'POST', version: '1.1' })
    await new Promise(setImmediate)
    client.reset()
    expect(await journal.first('failed')).toBe('CZ_BODY_ABORTED')
  })

  test('malformed chunked coding is answered with 400 and ends the connection', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()))
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n', {
      method: 'POST',
      version: '1.1',
    })
    const response = await client.response()
    expect([response.status, await response.whole()]).toEqual([400, 'Bad Request'])
    await client.ended()
  })

  test('a body that pauses for too long is answered with 408', async () => {
    const { connect } = await serve((app) => app.post('/', (req) => req.text()), { limits: { bodyTimeoutMs: 300 } })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf', { method: 'POST', version: '1.1' })
    const response = await client.response()
    expect(response.status).toBe(408)
    await client.ended()
  })
}
