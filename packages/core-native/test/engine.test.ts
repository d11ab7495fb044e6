// The engine's face, on real sockets.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  BodyState,
  createEngine,
  listen,
  listenShared,
  portSharings,
  releasePort,
  reservePort,
  WriteStatus,
  type NativeEngine,
} from '@catzilla/core-native'
import { until, within } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { allGone, answer, GET, Peer, startEngine, startStream, type Exchange } from './engine-host.ts'

test('a request arrives with its parts, and its answer goes out framed', async () => {
  const heads: object[] = []
  const [engine, port] = startEngine({
    request(slot, generation, head) {
      heads.push(head)
      engine.answer(slot, generation, 201, false, 'x-a: \u00e4\r\n', 'h\u00e4')
    },
  })
  const peer = await Peer.connect(port, 'PATCH /a?b=c HTTP/1.1\r\nHost: a\r\nX: \u00e4\r\n\r\n')
  await peer.until('h\u00c3\u00a4')
  expect(heads).toEqual([
    { method: 'PATCH', target: '/a?b=c', minorVersion: 1, fields: 'Host: a\r\nX: \u00c3\u00a4\r\n' },
  ])
  expect(peer.text).toBe('HTTP/1.1 201 Created\r\nx-a: \u00e4\r\ncontent-length: 3\r\n\r\nh\u00c3\u00a4')
})

test('a method that is not in the table keeps its name', async () => {
  const [engine, port] = startEngine({
    request: (slot, generation, { method }) => void answer(engine, { slot, generation }, `<${method}>`),
  })
  for (const method of ['GET', 'PROPFIND', 'get', 'x']) {
    const peer = await Peer.connect(port, `${method} / HTTP/1.1\r\nhost: a\r\n\r\n`)
    await peer.until(`<${method}>`)
    peer.socket.destroy()
  }
})

test('a body is read as it comes, and its end is told', async () => {
  const parts: unknown[] = []
  const read = (slot: number, generation: number) => {
    for (;;) {
      const part = engine.readBody(slot, generation)
      if (part === BodyState.wait) return
      parts.push(typeof part === 'object' ? Buffer.from(part).toString() : part)
      if (typeof part !== 'object') return void answer(engine, { slot, generation })
    }
  }
  const [engine, port] = startEngine({ request: read, bodyReadable: read })
  const peer = await Peer.connect(port, 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n')
  await until(() => parts.length === 1, 'the first part')
  peer.socket.write('3\r\ntwo\r\n0\r\n\r\n')
  await peer.until('hello')
  expect(parts).toEqual(['one', 'two', BodyState.end])
})

test('listen() gives the errors of the system', async () => {
  const [, port] = startEngine({})
  const engine = createEngine({}, {} as never)
  expect(() => listen(engine, '127.0.0.1', port)).toThrow(expect.objectContaining({ code: 'EADDRINUSE', port }))
  expect(() => listen(engine, '192.0.2.1', 0)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }))
  expect(() => listen(engine, 'localhost', 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
  expect(() => listen(engine, '127.0.0.1', 65_536)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
  listen(engine, '127.0.0.1', 0) // A failure leaves the way open.
  expect(() => listen(engine, '127.0.0.1', 0)).toThrow(expect.objectContaining({ code: 'EALREADY' }))
  engine.stopListening()
  expect(() => listen(engine, '127.0.0.1', 0)).toThrow(expect.objectContaining({ code: 'ECANCELED' }))
  engine.end()
  expect(() => listen(engine, '127.0.0.1', 0)).toThrow(expect.objectContaining({ code: 'ECANCELED' }))
})

for (const sharing of portSharings()) {
  test(`an address that is reserved for ${sharing} is served by several engines, and refused to others`, async () => {
    const reservation = reservePort('127.0.0.1', 0, sharing)
    const { port } = reservation
    const taken = expect.objectContaining({ code: 'EADDRINUSE', port })
    const join = (each: NativeEngine) =>
      sharing === 'descriptor' ? listenShared(each, reservation) : listen(each, '127.0.0.1', port, true)
    const answered = [0, 0]
    const engines = answered.map((_, index) => {
      const [engine, bound] = startEngine(
        {
          request(slot, generation) {
            answered[index]!++
            answer(engine, { slot, generation })
          },
        },
        {},
        join,
      )
      expect(bound).toBe(port)
      return engine
    })
    for (let asked = 0; asked < 1_000 && answered.includes(0); asked++) {
      // From one queue, the first on this loop takes everything, until it listens no more.
      if (sharing === 'descriptor' && asked > 0) engines[answered[0] === 0 ? 1 : 0]!.stopListening()
      const peer = await Peer.connect(port, GET)
      await peer.until('hello')
      peer.socket.destroy()
    }
    expect(answered).not.toContain(0)

    const stranger = createEngine({}, {} as never)
    expect(() => reservePort('127.0.0.1', port, sharing)).toThrow(taken)
    expect(() => listen(stranger, '127.0.0.1', port)).toThrow(taken)
    for (const engine of engines) engine.stopListening()
    expect(() => listen(stranger, '127.0.0.1', port)).toThrow(taken) // Also while nobody listens.
    releasePort(reservation)
    releasePort(reservation)
    listen(stranger, '127.0.0.1', port)
    stranger.end()
  })
}

test('reservePort() gives the errors of the system', () => {
  for (const sharing of portSharings()) {
    const refused = (address: string, port: number, code: string) =>
      expect(() => reservePort(address, port, sharing)).toThrow(expect.objectContaining({ code, syscall: 'listen' }))
    refused('192.0.2.1', 0, 'EADDRNOTAVAIL')
    refused('localhost', 0, 'EINVAL')
    refused('127.0.0.1', 65_536, 'EINVAL')
    refused('127.0.0.1', 1.5, 'EINVAL')
    refused(1 as never, 0, 'EINVAL')
  }
})

test('what is no listener is refused as one', () => {
  const engine = createEngine({}, {} as never)
  for (const descriptor of [-1, 1_000_000]) {
    const shared = { sharing: 'descriptor', descriptor, address: '', port: 0 } as const
    expect(() => listenShared(engine, shared)).toThrow(expect.objectContaining({ syscall: 'listen' }))
  }
  releasePort({ sharing: 'descriptor', descriptor: 0, address: '', port: 0 }) // None of its own: nothing is closed.
  listen(engine, '127.0.0.1', 0)
  engine.end()
})

test('limits that are no positive numbers are the defaults, and Infinity is none', async () => {
  const wrong = { headTimeoutMs: 0, keepAliveTimeoutMs: -1, maxFields: Number.NaN, maxHeadBytes: '1' } as never
  for (const limits of [wrong, { keepAliveTimeoutMs: Infinity, headTimeoutMs: Infinity, maxConnections: Infinity }]) {
    const [engine, port] = startEngine(
      { request: (slot, generation) => void answer(engine, { slot, generation }) },
      limits,
    )
    const peer = await Peer.connect(port, GET)
    await peer.until('hello')
    await new Promise((resolve) => setTimeout(resolve, 50)) // A time of 0 would have passed.
    peer.forget()
    peer.socket.write(GET)
    await peer.until('hello')
  }
})

// ── misuse ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const CALLS = ['listen', 'answer', 'start', 'write', 'finish', 'abort', 'readBody', 'peer', 'stats', 'address'] as const

/** Calls a function of the engine with whatever. What it throws must be an error like any other. */
function misuse(engine: NativeEngine, name: (typeof CALLS)[number], args: readonly unknown[]): void {
  try {
    ;(engine[name] as (...args: unknown[]) => unknown)(...args)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
  }
}

test('arguments of any type crash nothing', async () => {
  const [engine, port] = startEngine({
    request(slot, generation) {
      for (const name of CALLS) {
        if (name === 'answer' || name === 'abort') continue
        for (const value of [undefined, null, -1, 1e300, Number.NaN, 'text', {}, [], Symbol('s'), 1n, () => {}]) {
          misuse(engine, name, [])
          misuse(engine, name, [value])
          misuse(engine, name, [slot, value])
          misuse(
            engine,
            name,
            Array.from({ length: 12 }, () => value),
          )
        }
      }
      answer(engine, { slot, generation })
    },
  })
  const peer = await Peer.connect(port, GET)
  await peer.until('hello')
})

test('createEngine() without its arguments throws, and so does a limit that throws', () => {
  const create = createEngine as (...args: unknown[]) => NativeEngine
  for (const limits of [undefined, null, 1]) expect(() => create(limits, {})).toThrow(TypeError)
  const limits = {
    get maxFields(): number {
      throw new RangeError('a getter')
    },
  }
  expect(() => create(limits, {})).toThrow(new RangeError('a getter'))
})

test('a payload that is neither text nor bytes throws, and the exchange goes on', async () => {
  const [engine, port] = startEngine({
    request(slot, generation) {
      for (const wrong of [1, {}, [], new Uint16Array(4), new Float64Array(1), new DataView(new ArrayBuffer(8))]) {
        expect(() => answer(engine, { slot, generation }, wrong as never)).toThrow(TypeError)
      }
      answer(engine, { slot, generation }, new Uint8ClampedArray([104, 105]) as never)
    },
  })
  const peer = await Peer.connect(port, GET)
  await peer.until('\r\n\r\nhi')
})

test('a handle does nothing once its exchange is over, and one from elsewhere never did', async () => {
  const exchanges: Exchange[] = []
  const [engine, port] = startEngine({
    request(slot, generation) {
      exchanges.push({ slot, generation })
      answer(engine, { slot, generation })
    },
  })
  const peer = await Peer.connect(port, GET)
  await peer.until('hello')
  const [stale] = exchanges as [Exchange]
  for (const { slot, generation } of [stale, { slot: 0, generation: 0 }, { slot: 4_000_000_000, generation: 1 }]) {
    expect(answer(engine, { slot, generation })).toBe(WriteStatus.gone)
    expect(startStream(engine, { slot, generation })).toBe(WriteStatus.gone)
    expect(engine.write(slot, generation, 'x')).toBe(WriteStatus.gone)
    expect(engine.finish(slot, generation, undefined)).toBe(WriteStatus.gone)
    expect(engine.readBody(slot, generation)).toBe(BodyState.gone)
    expect(engine.peer(slot, generation)).toBeUndefined()
    engine.abort(slot, generation)
  }
  peer.forget()
  peer.socket.write(GET)
  await peer.until('hello')
  expect(peer.text).toBe('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')
})

test('after end() every call is harmless: at once, and when the engine is no more', async () => {
  let current: Exchange | undefined
  const engine = createEngine({}, {
    request(slot: number, generation: number) {
      current = { slot, generation }
      startStream(engine, current)
    },
    lost: () => expect.unreachable('nothing is heard after end()'),
  } as never)
  listen(engine, '127.0.0.1', 0)
  const peer = await Peer.connect(engine.address().port, GET)
  await peer.until('first')
  engine.end()
  const { slot, generation } = current!
  const useAll = () => {
    expect(engine.write(slot, generation, 'x')).toBe(WriteStatus.gone)
    expect(engine.finish(slot, generation, 'x')).toBe(WriteStatus.gone)
    expect(startStream(engine, { slot, generation })).toBe(WriteStatus.gone)
    expect(answer(engine, { slot, generation })).toBe(WriteStatus.gone)
    expect(engine.readBody(slot, generation)).toBe(BodyState.gone)
    expect(engine.peer(slot, generation)).toBeUndefined()
    engine.abort(slot, generation)
    engine.stopListening()
    engine.resetAll()
    engine.end()
    expect(engine.address()).toEqual({ address: '', port: 0 })
    expect(engine.stats()).toMatchObject({ exchanges: 0, requestsTotal: 1, bufferedBytes: 0 })
  }
  useAll()
  await until(() => peer.ended, 'the connection should end')
  useAll()
  await new Promise((resolve) => setImmediate(resolve))
  useAll()
  expect(engine.stats().connections).toBe(0)
})

// ── output ───────────────────────────────────────────────────────────────────────────────────────────────────────────

test('text of every kind goes out as UTF-8, of any length', async () => {
  const texts: string[] = [
    '',
    'a',
    '\u00e4',
    '\u6f22',
    '\u{1f408}',
    '\ud800',
    '\u6f22'.repeat(300_000),
    'x'.repeat(2_000_000),
  ]
  // Around the size of the scratch that they are encoded into.
  for (const unit of ['x', '\u6f22', '\u{1f408}']) {
    for (let bytes = 131_064; bytes < 131_080; bytes++) {
      const text = unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)))
      texts.push('x'.repeat(bytes - Buffer.byteLength(text)) + text)
    }
  }
  const [engine, port] = startEngine({
    request(slot, generation, { target }) {
      answer(engine, { slot, generation }, texts[Number(target.slice(1))])
    },
  })
  for (const [index, text] of texts.entries()) {
    const expected = Buffer.from(text)
    const peer = await Peer.connect(port, `GET /${index} HTTP/1.1\r\nhost: a\r\n\r\n`)
    const bodyAt = () => peer.received.indexOf('\r\n\r\n') + 4
    await until(() => bodyAt() > 3 && peer.received.length >= bodyAt() + expected.length, 'the answer')
    expect(peer.received.subarray(bodyAt()).equals(expected)).toBe(true)
    peer.socket.destroy()
  }
})

test('a slow reader holds the stream back in bounded memory, and misses nothing', async () => {
  const block = new Uint8Array(10_000)
  const BLOCKS = 2000
  let written = 0
  let mostBuffered = 0
  let exchange: Exchange
  const pump = () => {
    while (written < BLOCKS) {
      block.fill(written++)
      if (engine.write(exchange.slot, exchange.generation, block) !== WriteStatus.ok) break
    }
    mostBuffered = Math.max(mostBuffered, engine.stats().bufferedBytes)
    if (written === BLOCKS) engine.finish(exchange.slot, exchange.generation, undefined)
  }
  const [engine, port] = startEngine({
    request(slot, generation) {
      exchange = { slot, generation }
      startStream(engine, exchange, '')
      pump()
    },
    drained: () => {
      if (written < BLOCKS) pump()
    },
  })
  const peer = await Peer.connect(port)
  peer.socket.pause()
  peer.socket.write(GET)
  await until(() => engine.stats().stalls > 0, 'the stream should stall')
  const stalledAt = written
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(written).toBe(stalledAt)
  peer.socket.resume()
  await until(() => peer.received.subarray(-5).toString() === '0\r\n\r\n', 'the end of the body')
  expect(mostBuffered).toBeLessThan(65_536 + 2 * block.length)

  let at = peer.received.indexOf('\r\n\r\n') + 4
  for (let index = 0; index < BLOCKS; index++) {
    const piece = peer.received.subarray(at + 6, at + 6 + block.length) // "2710\r\n"
    if (piece.length !== block.length || piece.some((byte) => byte !== index % 256)) expect.fail(`block ${index}`)
    at += 6 + block.length + 2
  }
})

/** Queues a large buffer to a peer that does not read, lets `spoil` have it, and has the peer read on. */
async function spoilQueued(buffer: Uint8Array, spoil: () => void): Promise<void> {
  const size = buffer.length
  let failed = 0
  const [engine, port] = startEngine({
    request(slot, generation) {
      startStream(engine, { slot, generation })
      engine.write(slot, generation, buffer)
    },
    failed: () => failed++,
  })
  const peer = await Peer.connect(port)
  peer.socket.pause()
  peer.socket.write(GET)
  await until(() => engine.stats().bufferedBytes > 0, 'bytes should be queued')
  spoil()
  peer.socket.resume()
  await until(() => failed === 1, 'the exchange should fail')
  await until(() => peer.ended, 'the connection should be broken')
  expect(peer.received.length).toBeLessThan(size)
}

test('a queued buffer that is transferred away breaks the connection', async () => {
  const buffer = new Uint8Array(20_000_000)
  await spoilQueued(buffer, () => structuredClone(buffer, { transfer: [buffer.buffer] }))
})

test('a queued buffer that is posted to another thread breaks the connection', async () => {
  const buffer = new Uint8Array(20_000_000)
  const { port1, port2 } = new MessageChannel()
  await spoilQueued(buffer, () => port1.postMessage(buffer, [buffer.buffer]))
  port1.close()
  port2.close()
})

test('a queued buffer that is resized below its bytes breaks the connection', async () => {
  type Resizable = ArrayBuffer & { resize(size: number): void }
  const Constructor = ArrayBuffer as unknown as new (size: number, options: object) => Resizable
  for (const whole of [true, false]) {
    const memory = new Constructor(20_000_000, { maxByteLength: 20_000_000 })
    const buffer = whole ? new Uint8Array(memory) : new Uint8Array(memory, 0, 19_000_000)
    await spoilQueued(buffer, () => memory.resize(1_000_000))
  }
})

// ── peers that leave ─────────────────────────────────────────────────────────────────────────────────────────────────

test('a peer that resets at any byte leaves nothing behind', async () => {
  const [engine, port] = startEngine({
    request(slot, generation) {
      startStream(engine, { slot, generation })
      while (typeof engine.readBody(slot, generation) === 'object') {
        // Take what is there.
      }
      engine.finish(slot, generation, 'last')
    },
  })
  const conversation =
    `${GET}POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello` +
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  for (let cut = 0; cut <= conversation.length; cut++) {
    const peer = await Peer.connect(port, conversation.slice(0, cut))
    peer.socket.resetAndDestroy()
  }
  await allGone(engine)
})

test('a thousand connections that come and go in every way', async () => {
  const [engine, port] = startEngine({
    request(slot, generation, { target }) {
      if (target === '/stream') startStream(engine, { slot, generation })
      else answer(engine, { slot, generation })
    },
  })
  const visit = async (index: number) => {
    const peer = await Peer.connect(port, index % 2 === 0 ? GET : GET.replace('/', '/stream'))
    if (index % 7 !== 0) await peer.until(index % 2 === 0 ? 'hello' : 'first')
    if (index % 3 === 0) peer.socket.resetAndDestroy()
    else if (index % 3 === 1) peer.socket.destroy()
    else peer.socket.end().destroySoon()
  }
  for (let batch = 0; batch < 10; batch++) {
    await Promise.all(Array.from({ length: 100 }, (_, index) => visit(batch * 100 + index)))
  }
  // Half-closed streams go on until they are broken off.
  engine.resetAll()
  await allGone(engine)
  expect(engine.stats().connectionsTotal).toBe(1000)
})

test('a peer that resets right behind its request is lost, not half-closed', async () => {
  const heard: string[] = []
  const [, port] = startEngine({
    request: () => heard.push('request'),
    halfClosed: () => heard.push('half-closed'),
    lost: () => heard.push('lost'),
  })
  const peer = await Peer.connect(port)
  peer.socket.write(GET)
  peer.socket.resetAndDestroy()
  await until(() => heard.length > 1, 'the end of the peer')
  expect(heard).toEqual(['request', 'lost'])
})

/** A peer that asks again as soon as it is answered. `answers` grows. */
async function busyPeer(port: number): Promise<{ peer: Peer; answers(): number }> {
  let answers = 0
  const peer = await Peer.connect(port, GET)
  peer.socket.on('data', () => {
    answers++
    if (peer.socket.writable) peer.socket.write(GET)
  })
  await until(() => answers > 20, 'answers')
  return { peer, answers: () => answers }
}

test('a busy peer does not keep another one waiting', async () => {
  const [engine, port] = startEngine({ request: (slot, generation) => void answer(engine, { slot, generation }) })
  const busy = await busyPeer(port)
  const other = await Peer.connect(port)
  for (let round = 0; round < 20; round++) {
    const before = busy.answers()
    other.forget()
    other.socket.write(GET)
    await within(once(other.socket, 'data'), 'an answer')
    expect(busy.answers() - before).toBeLessThan(100)
  }
  busy.peer.socket.destroy()
})

for (const [leave, expected] of [
  ['end', 'half-closed'],
  ['resetAndDestroy', 'lost'],
] as const) {
  test(`a busy peer that leaves by ${leave}() is told ${expected}`, async () => {
    const heard: string[] = []
    let answering = true
    const [engine, port] = startEngine({
      request(slot, generation) {
        if (answering) answer(engine, { slot, generation })
        else heard.push('request')
      },
      halfClosed: () => heard.push('half-closed'),
      lost: () => heard.push('lost'),
    })
    const { peer } = await busyPeer(port)
    answering = false
    await until(() => heard.length === 1, 'a request without an answer')
    peer.socket[leave]()
    await until(() => heard.length === 2, 'the end of the peer')
    expect(heard).toEqual(['request', expected])
  })
}

/** Connects, sends and leaves in another process, while this one stands still: all of it comes in one wake. */
function leaveBehind(port: number, request: string, leave: string): void {
  const program = `
    const socket = require('node:net').connect(${port}, '127.0.0.1')
    socket.on('error', () => {})
    ${leave}`
  execFileSync(process.execPath, ['-e', program.replaceAll('REQUEST', JSON.stringify(request))])
}

for (const [title, leave, expected] of [
  ['a request and its FIN', 'socket.end(REQUEST, () => process.exit())', 'half-closed'],
  ['a request and a RST', 'socket.write(REQUEST, () => socket.resetAndDestroy())', 'lost'],
  ['a request, its FIN and a RST', 'socket.end(REQUEST, () => socket.resetAndDestroy())', 'lost'],
] as const) {
  test(`${title} in one wake are told in their order`, async () => {
    const heard: string[] = []
    const [, port] = startEngine({
      request: () => heard.push('request'),
      halfClosed: () => heard.push('half-closed'),
      lost: () => heard.push('lost'),
    })
    leaveBehind(port, GET, leave)
    await until(() => heard.length > 1, 'the end of the peer')
    await new Promise((resolve) => setImmediate(resolve))
    expect(heard).toEqual(['request', expected])
  })
}

test('a FIN behind a body that is held back is told when the body has been read', async () => {
  const BYTES = 1_000_000
  const heard: string[] = []
  let read = 0
  let exchange: Exchange | undefined
  const readOn = () => {
    for (;;) {
      const part = engine.readBody(exchange!.slot, exchange!.generation)
      if (typeof part !== 'object') return part
      read += part.length
    }
  }
  const [engine, port] = startEngine({
    request: (slot, generation) => (exchange = { slot, generation }),
    bodyReadable: () => void (readOn() === BodyState.end && heard.push('end')),
    halfClosed: () => heard.push('half-closed'),
  })
  const peer = await Peer.connect(port, `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${BYTES}\r\n\r\n`)
  peer.socket.end(new Uint8Array(BYTES))
  await within(once(peer.socket, 'finish'), 'the FIN')
  await until(() => exchange !== undefined, 'the request')
  expect(heard).toEqual([])
  expect(readOn()).toBe(BodyState.wait)
  await until(() => heard.length === 2, 'the end of the body and of the peer')
  expect([read, heard]).toEqual([BYTES, ['end', 'half-closed']])
})

test('a peer that resets while its body is held back is lost: at once, or with the next write', async () => {
  const lost: Exchange[] = []
  let exchange: Exchange | undefined
  const [engine, port] = startEngine({
    request: (slot, generation) => (exchange = { slot, generation }),
    lost: (slot, generation) => lost.push({ slot, generation }),
  })
  const peer = await Peer.connect(port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n')
  peer.socket.write(new Uint8Array(50_000_000))
  await until(() => peer.socket.writableLength > 0 && exchange !== undefined, 'the body should be held back')
  await new Promise((resolve) => setTimeout(resolve, 50))
  peer.socket.resetAndDestroy()
  if (engine.backend === 'uv') {
    const held = exchange!
    await until(
      () => startStream(engine, held) !== WriteStatus.ok || engine.write(held.slot, held.generation, 'x') > 0,
      'a write should fail',
    )
  }
  await until(() => lost.length === 1, 'the loss')
  expect(lost).toEqual([exchange])
})

test('a peer that resets at any point of an answer leaves nothing behind', async () => {
  const BYTES = 3_000_000
  const [engine, port] = startEngine({
    request(slot, generation) {
      startStream(engine, { slot, generation })
      engine.write(slot, generation, new Uint8Array(BYTES))
      engine.finish(slot, generation, 'last')
    },
  })
  // From the first byte to the last, closer together where heads and frames are.
  for (let point = 1; point < BYTES; point = Math.ceil(point * 1.3)) {
    const peer = await Peer.connect(port, GET)
    await until(() => peer.received.length >= point, `${point} bytes`)
    peer.socket.resetAndDestroy()
  }
  await allGone(engine)
})

test('an abandoned stream is told lost once, wherever its peer left', async () => {
  let lost = 0
  const [engine, port] = startEngine({
    request(slot, generation) {
      startStream(engine, { slot, generation })
      engine.write(slot, generation, new Uint8Array(20_000_000))
    },
    lost: () => lost++,
  })
  for (let i = 0; i < 20; i++) {
    const peer = await Peer.connect(port, GET)
    await peer.until('first')
    peer.socket.resetAndDestroy()
  }
  await allGone(engine)
  await until(() => lost === 20, 'each should be told')
})

test('stopListening() finishes what runs, tells that all is closed, and frees the port', async () => {
  let closed = 0
  const running: Exchange[] = []
  const [engine, port] = startEngine({
    request: (slot, generation) => void running.push({ slot, generation }),
    allClosed: () => closed++,
  })
  const idle = await Peer.connect(port)
  const busy = await Peer.connect(port, GET)
  await until(() => running.length === 1, 'the request')
  engine.stopListening()
  await until(() => idle.ended, 'the idle connection should close')
  await expect(Peer.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(closed).toBe(0)
  answer(engine, running[0]!)
  await busy.until('connection: close')
  busy.socket.end()
  await until(() => closed === 1, 'all should be closed')
})
