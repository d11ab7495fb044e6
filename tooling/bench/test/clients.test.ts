import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { rawServer } from './raw-server.ts'
import { buildTools, runTool, startTool, supported } from './tools.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const PAYLOAD = 'Data 0\nData 1\nData 2\n'
const STREAM = `${CHUNKED}7\r\nData 0\n\r\nE\r\nData 1\nData 2\n\r\n0\r\n\r\n`

describe.skipIf(!supported)('clients', () => {
  beforeAll(buildTools, 120_000)

  test('drain decodes a stream that arrives whole', async () => {
    await using server = await rawServer((socket) => socket.write(STREAM))
    const { figures } = await runTool('drain', server.port, '--streams', '3', '--sha256')
    expect(figures).toMatchObject({ streams: 3, bodyBytes: PAYLOAD.length, chunks: 2, sha256: sha256(PAYLOAD) })
  })

  test('drain decodes a stream that arrives byte by byte', async () => {
    await using server = await rawServer(async (socket) => {
      socket.setNoDelay(true)
      for (const byte of STREAM) {
        socket.write(byte)
        await sleep(0)
      }
    })
    const { figures, stderr } = await runTool('drain', server.port, '--sha256')
    expect(stderr).toBe('')
    expect(figures).toMatchObject({ bodyBytes: PAYLOAD.length, chunks: 2, sha256: sha256(PAYLOAD) })
  })

  test.each(['', '--discard'])('drain counts large chunks %s', async (...flags) => {
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
    await using server = await rawServer((socket) =>
      socket.write(`${CHUNKED}${chunk.repeat(20)}5\r\nshort\r\n0\r\n\r\n`),
    )
    const { figures } = await runTool('drain', server.port, '--streams', '2', ...flags.filter(Boolean))
    expect(figures).toMatchObject({ streams: 2, bodyBytes: 20 * 0x8000 + 5, chunks: 21 })
  })

  test.each([
    ['a stream without its last chunk', `${CHUNKED}7\r\nData 0\n\r\n`, 'truncated after 7 payload bytes'],
    ['a stream cut in its last chunk', `${CHUNKED}7\r\nData 0\n\r\n0\r\n`, 'truncated after 7 payload bytes'],
    ['a body shorter than its length', `${OK}Content-Length: 5\r\n\r\nfour`, 'truncated after 4 payload bytes'],
    ['a body longer than its length', `${OK}Content-Length: 4\r\n\r\nfives`, '1 bytes follow the end'],
    ['a chunk longer than its size', `${CHUNKED}6\r\nData 0\n\r\n0\r\n\r\n`, 'longer than its size'],
    ['a chunk size that is no number', `${CHUNKED}7g\r\nData 0\n\r\n0\r\n\r\n`, 'not a hexadecimal number'],
    ['an empty chunk size', `${CHUNKED}\r\nData 0\n\r\n0\r\n\r\n`, 'not a hexadecimal number'],
    ['a bare LF after a chunk size', `${CHUNKED}7\nData 0\n\r\n0\r\n\r\n`, 'not a hexadecimal number'],
    ['both framings', `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'both'],
    ['a body that ends with the connection', `${OK}\r\nData 0\n`, 'ends with the connection'],
    ['a failure', 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n', 'status 500'],
    ['something that is not HTTP', 'SSH-2.0-x\r\n\r\n', 'status line'],
  ])('drain refuses %s', async (_, bytes, reason) => {
    await using server = await rawServer((socket) => socket.end(bytes))
    const { failed, stderr } = await runTool('drain', server.port)
    expect(stderr).toContain(reason)
    expect(failed).toBe(true)
  })

  test('drain refuses a stream that differs from the one before', async () => {
    let streams = 0
    await using server = await rawServer((socket) => socket.write(`${OK}Content-Length: 1\r\n\r\n${streams++}`))
    const { stderr } = await runTool('drain', server.port, '--streams', '2', '--sha256')
    expect(stderr).toContain('differ')
  })

  test('load sends the asked number of requests, with path and fields', async () => {
    const heads: string[] = []
    await using server = await rawServer((socket, head) => {
      heads.push(head)
      socket.write(`${OK}Content-Length: 2\r\n\r\nhi`)
    })
    const args = [
      '--requests',
      '100',
      '--connections',
      '7',
      '--path',
      '/a?b',
      '--header',
      'X-One: 1',
      '--header',
      'X-Two: 2',
    ]
    const { figures, stderr } = await runTool('load', server.port, ...args, '--expect-bytes', '2')
    expect(stderr).toBe('')
    expect(figures).toMatchObject({ requests: 100, bodyBytes: 2 })
    expect(heads).toHaveLength(100)
    expect(heads[99]).toBe(`GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nX-One: 1\r\nX-Two: 2`)
  })

  test('load refuses a body of another length', async () => {
    let answers = 0
    await using server = await rawServer((socket) => {
      socket.write(++answers < 50 ? `${OK}Content-Length: 2\r\n\r\nhi` : `${OK}Content-Length: 3\r\n\r\nhey`)
    })
    const { stderr } = await runTool('load', server.port, '--requests', '100')
    expect(stderr).toContain('3 body bytes instead of 2')
  })

  test('load refuses a server that closes a kept connection', async () => {
    await using server = await rawServer((socket) => socket.end(`${OK}Content-Length: 2\r\n\r\nhi`))
    const { stderr } = await runTool('load', server.port, '--connections', '1')
    expect(stderr).toContain('closed a keep-alive connection after 1 answers')
  })

  test('first-byte waits for the body, not for the head', async () => {
    await using server = await rawServer(async (socket) => {
      socket.write(CHUNKED)
      await sleep(30)
      socket.write('1\r\nx\r\n0\r\n\r\n')
    })
    const { figures } = await runTool('first-byte', server.port, '--requests', '3', '--warm-up', '0')
    expect(figures['minUs']).toBeGreaterThan(25_000)
  })

  test('first-byte with --abandon leaves a stream that never ends, on a connection of its own', async () => {
    const sockets = new Set<unknown>()
    await using server = await rawServer((socket) => {
      sockets.add(socket)
      socket.write(`${CHUNKED}1\r\nx\r\n`)
    })
    const { figures } = await runTool(
      'first-byte',
      server.port,
      '--requests',
      '5',
      '--warm-up',
      '0',
      '--fresh',
      '--abandon',
    )
    expect(figures).toMatchObject({ requests: 5 })
    expect(sockets.size).toBe(5)
  })

  const REPEATS = ['--lead', 'retry: 2000\n\n', '--repeats', ':\n\n']
  const LEAD = 'd\r\nretry: 2000\n\n\r\n'
  const BEAT = '3\r\n:\n\n\r\n'

  test('hold opens streams, waits until each has what it should have, and keeps them', async () => {
    const sockets = new Set<Socket>()
    await using server = await rawServer((socket) => {
      sockets.add(socket)
      socket.write(`${CHUNKED}${LEAD}`)
      if (sockets.size === 50) setTimeout(() => sockets.forEach((each) => each.write(BEAT + BEAT)), 50)
    })
    const held = startTool('hold', server.port, '--connections', '50', ...REPEATS, '--min-repeats', '2')
    expect(await held.line()).toMatchObject({ streams: 50, heads: 50 })
    expect([...sockets].every((socket) => socket.readyState === 'open')).toBe(true)
    expect(await held.release()).toEqual({ line: { streams: 50, bodyBytes: 50 * 19 }, stderr: '' })
  })

  test('hold comes from several addresses, as one has too few ports', async () => {
    const addresses = new Set<string | undefined>()
    await using server = await rawServer((socket) => {
      addresses.add(socket.remoteAddress)
      socket.write(`${CHUNKED}${LEAD}`)
    })
    const held = startTool('hold', server.port, '--connections', '4001', ...REPEATS)
    await held.line()
    await held.release()
    expect([...addresses]).toEqual(['127.0.0.2', '127.0.0.3'])
  })

  test.each([
    ['another payload', `${CHUNKED}d\r\nretry: 3000\n\n\r\n`, 'byte 7 of a payload'],
    ['something else behind the lead', `${CHUNKED}${LEAD}3\r\n:\r\n\r\n`, 'byte 14 of a payload'],
    ['a stream that ends', `${CHUNKED}${LEAD}0\r\n\r\n`, 'a stream ended'],
    ['a failure', 'HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\n', 'status 503'],
  ])('hold refuses %s', async (_, bytes, reason) => {
    await using server = await rawServer((socket) => socket.write(bytes))
    const { failed, stderr } = await runTool(
      'hold',
      server.port,
      '--connections',
      '2',
      ...REPEATS,
      '--min-repeats',
      '1',
    )
    expect(stderr).toContain(reason)
    expect(failed).toBe(true)
  })

  test('hold tells when a stream breaks off while it is held', async () => {
    const sockets: Socket[] = []
    await using server = await rawServer((socket) => {
      sockets.push(socket)
      socket.write(`${CHUNKED}${LEAD}`)
    })
    const held = startTool('hold', server.port, '--connections', '3', ...REPEATS)
    await held.line()
    sockets[1]!.destroy()
    expect((await held.ended()).stderr).toContain('the server closed a stream')
  })

  test('hold with --unread leaves what comes in the kernel, and looks at it at the end', async () => {
    let written = 0
    await using server = await rawServer((socket) => {
      socket.write(CHUNKED + LEAD)
      while (socket.write(BEAT.repeat(1000))) written++
      written++
      socket.on('drain', () => written++)
    })
    const held = startTool('hold', server.port, '--connections', '1', '--unread', ...REPEATS)
    expect(await held.line()).toMatchObject({ streams: 1, heads: 0 })
    await sleep(100)
    const { line, stderr } = await held.release()
    expect(stderr).toBe('')
    expect(line!['bodyBytes']).toBeGreaterThan(1000)
    expect(line!['bodyBytes']).toBeLessThan(64 * 1024)
  })

  const EVENTS = ['--event', 'id: ##\n\n', '--lead', 'retry: 2000\n\n']
  const eventChunk = (id: string) => `8\r\nid: ${id}\n\n\r\n`

  /** Answers those who subscribe with `lead`, and has `publish` write for those who ask for something to be published. */
  function publishingServer(lead: string, publish: (subscribers: Socket[], path: string) => void) {
    const subscribers: Socket[] = []
    return rawServer((socket, head) => {
      const path = head.split(' ')[1]!
      if (path === '/subscribe') {
        subscribers.push(socket)
        socket.write(`${CHUNKED}${lead}`)
      } else {
        publish(subscribers, path)
        socket.write(`${OK}Content-Length: 0\r\n\r\n`)
      }
    })
  }

  test.each([
    ['with a lead', LEAD],
    ['without one', ''],
  ])('subscribe waits until all streams %s have what was published', async (_, lead) => {
    const paths: string[] = []
    await using server = await publishingServer(lead, (subscribers, path) => {
      paths.push(path)
      const [first, count] = path.split('/').slice(2).map(Number) as [number, number]
      for (let id = first; id < first + count; id++) {
        for (const socket of subscribers) socket.write(eventChunk(String(id).padStart(2, '0')))
      }
    })
    const tool = startTool('subscribe', server.port, '--connections', '50', ...EVENTS)
    expect(await tool.line()).toMatchObject({ streams: 50 })
    expect(await tool.say('/publish 3 2')).toMatchObject({ deliveries: 300, lost: 0 })
    const bytes = 50 * eventChunk('07').length
    expect(await tool.say('/more 1 1')).toMatchObject({ deliveries: 50, lost: 0, bytes })
    expect(await tool.release()).toEqual({ line: { streams: 50 }, stderr: '' })
    expect(paths).toEqual(['/publish/1/3', '/publish/4/3', '/more/7/1'])
  })

  test('subscribe counts what is lost', async () => {
    await using server = await publishingServer(LEAD, (subscribers) => {
      subscribers.forEach((socket, i) => socket.write(eventChunk('01') + (i === 0 ? '' : eventChunk('02'))))
    })
    const tool = startTool('subscribe', server.port, '--connections', '5', '--patience', '1', ...EVENTS)
    await tool.line()
    expect(await tool.say('/publish 2 1')).toMatchObject({ deliveries: 9, lost: 1 })
    expect((await tool.ended()).stderr).toContain('1 deliveries were lost')
  })

  test.each([
    ['a gap', eventChunk('02'), 'near number 1'],
    ['an event twice', eventChunk('01') + eventChunk('01'), 'near number 2'],
    ['too much', eventChunk('01') + eventChunk('02') + eventChunk('03'), 'more than was published'],
    ['a stream that ends', `${eventChunk('01')}0\r\n\r\n`, 'a stream ended'],
  ])('subscribe refuses %s', async (_, bytes, reason) => {
    await using server = await publishingServer(LEAD, (subscribers) => subscribers[1]!.write(bytes))
    const tool = startTool('subscribe', server.port, '--connections', '2', ...EVENTS)
    await tool.line()
    await tool.say('/publish 2 1')
    expect((await tool.ended()).stderr).toContain(reason)
  })

  test('subscribe refuses a payload that begins with something else', async () => {
    await using server = await publishingServer('d\r\nretry: 3000\n\n\r\n', () => {})
    const tool = startTool('subscribe', server.port, '--connections', '2', ...EVENTS)
    expect((await tool.ended()).stderr).toContain('begins with something else')
  })

  test('a server that stops answering ends the client at its deadline', async () => {
    await using server = await rawServer(() => {})
    const { stderr } = await runTool('drain', server.port, '--deadline', '1')
    expect(stderr).toContain('deadline passed')
  })

  test('an unknown option is refused by name', async () => {
    const { stderr } = await runTool('load', 1, '--nope')
    expect(stderr).toContain('unknown option --nope')
  })
})

function sha256(text: string) {
  return createHash('sha256').update(text).digest('hex')
}
