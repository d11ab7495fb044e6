import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { RawClient, type RawClientOptions } from '../src/raw-client.ts'
import { until } from '../src/waits.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

let server: Server
let socket: Socket
let client: RawClient

/** A client, and the server's side of its connection in the hands of the test. */
async function connection(options?: RawClientOptions): Promise<void> {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = once(server, 'connection')
  client = await RawClient.connect((server.address() as AddressInfo).port, options)
  ;[socket] = (await connected) as [Socket]
  socket.on('error', () => {}) // A reset is what some of these tests are about.
}

afterEach(async () => {
  client.leave()
  socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test('a request is sent as it was asked for', async () => {
  await connection()
  client.request({ path: '/path', fields: { 'x-one': '1' } }, { method: 'HEAD', version: '1.0' })
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  expect(bytes.toString()).toBe(
    'GET /path HTTP/1.1\r\nHost: 127.0.0.1\r\nx-one: 1\r\n\r\nHEAD / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n',
  )
})

test('a body is followed while it arrives', async () => {
  await connection()
  socket.write(CHUNKED)
  client.request({})
  const response = await client.response()
  socket.write('4\r\none \r\n')
  await response.receives('one ')
  expect(response.end).toBeUndefined()
  socket.write('3\r\ntwo\r\n0\r\n\r\n')
  expect(await response.whole()).toBe('one two')
})

test('FIN in a body is told from RST', async () => {
  await connection()
  client.request({})
  socket.end(`${OK}bo`)
  const response = await client.response()
  expect(await response.ended()).toBe('truncated')
  expect(await client.ended()).toBe('end')
})

test('RST in a body is told from FIN', async () => {
  await connection()
  client.request({})
  socket.write(`${OK}bo`)
  const response = await client.response()
  await response.receives('bo')
  socket.resetAndDestroy()
  expect(await response.ended()).toBe('reset')
  expect(await client.ended()).toBe('reset')
})

test('half-close sends FIN and goes on reading', async () => {
  await connection()
  client.request({})
  client.halfClose()
  await once(socket.resume(), 'end')
  socket.end(`${OK}body`)
  const response = await client.response()
  expect(await response.whole()).toBe('body')
})

test('a stalled client reads nothing until it resumes', async () => {
  await connection({ consume: () => {} })
  client.request({})
  const body = 'x'.repeat(32 * 1024 * 1024)
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
  const response = await client.response()
  client.stall()
  socket.write(body)
  await until(() => socket.writableNeedDrain, 'the server should be held back')
  expect(response.bodyBytes).toBe(0)
  client.resume()
  await response.receivesBytes(body.length)
})

test('a slow client reads at its pace', async () => {
  await connection()
  client.readSlowly(100_000)
  client.request({})
  const began = performance.now()
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n${'x'.repeat(40_000)}`)
  const response = await client.response()
  await response.whole()
  expect(performance.now() - began).toBeGreaterThan(300)
})

test('a server that breaks HTTP fails every wait', async () => {
  await connection()
  client.request({})
  socket.write('HTTP/9 what?\r\n\r\n')
  await expect(client.response()).rejects.toThrow('not a status line')
})

test('waiting for an answer on a connection that has ended fails at once', async () => {
  await connection()
  client.request({})
  socket.end()
  await expect(client.response()).rejects.toThrow('the connection has ended (end)')
})

test('whole() and broken() say what they got instead', async () => {
  await connection()
  client.request({}, {})
  socket.end(`${OK}body${OK}bo`)
  const whole = await client.response()
  await expect(whole.broken()).rejects.toThrow('the body looks complete after status 200, 4 bytes "body"')
  const broken = await client.response()
  await expect(broken.whole()).rejects.toThrow('the body is truncated after status 200, 2 bytes "bo"')
})
