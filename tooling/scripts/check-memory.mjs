// Memory of a serving process, as its own process sees it (RssAnon, Linux): over ten bodies of a million lines, while a reader
// takes 100 kB/s, and with twenty readers of endless streams who stand still. Each may grow by less than 16 MiB.
//   npm run check:memory                     the default transport
//   CATZILLA_TRANSPORT=node npm run check:memory
// Figures are the highest of a sample every 25 ms, garbage included, over what a warm server holds after a collection.
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MOST_MIB = 16
const LINES = 1_000_000
const SLOW_BYTES_PER_SECOND = 100_000
const SLOW_SECONDS = 10
const STALLED = 20
const STALLED_SECONDS = 3

const lines = function* () {
  for (let i = 0; i < LINES; i++) yield `Data ${i}\n`
}

if (process.argv[2] === 'serve') await serve()
else process.exitCode = await check()

async function serve() {
  const { catzilla } = await import(new URL('../../packages/catzilla/dist/index.js', import.meta.url).href)
  let produced = 0
  const app = catzilla()
  app.get('/lines', lines)
  app.get('/endless', function* () {
    const line = `${'x'.repeat(99)}\n`
    for (;;) {
      produced += line.length
      yield line
    }
  })
  const { port, transport } = await app.listen({ host: '127.0.0.1', port: 0 })
  process.on('message', () => {
    globalThis.gc()
    process.send({ produced })
  })
  process.on('disconnect', () => process.exit(0))
  process.send({ port, transport })
}

async function check() {
  if (process.platform !== 'linux') {
    console.log('skipped: RssAnon is a figure of Linux')
    return 0
  }
  const expected = createHash('sha256')
  for (const line of lines()) expected.update(line)
  const digest = expected.digest('hex')

  const server = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: ['--expose-gc'] })
  const [{ port, transport }] = await once(server, 'message')
  console.log(`${transport} transport, Node ${process.versions.node}`)
  const collect = async () => {
    server.send('collect')
    return (await once(server, 'message'))[0]
  }
  const get = (path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`

  const growth = []
  const measure = async (what, work) => {
    await collect()
    const before = rssAnonMib(server.pid)
    let highest = before
    const sampler = setInterval(() => (highest = Math.max(highest, rssAnonMib(server.pid))), 25)
    await work()
    clearInterval(sampler)
    growth.push(highest - before)
    console.log(`${what.padEnd(44)} ${before.toFixed(1)} MiB, grew by at most ${(highest - before).toFixed(1)} MiB`)
  }
  const takeLines = async () => {
    const hash = createHash('sha256')
    for await (const piece of chunks(connect(port, '127.0.0.1').setNoDelay(), get('/lines'))) hash.update(piece)
    if (hash.digest('hex') !== digest) throw new Error('the lines are not what was sent')
  }

  for (let i = 0; i < 3; i++) await takeLines() // Warm: compiled code, pooled memory.
  await measure('ten bodies of a million lines, one by one', async () => {
    for (let i = 0; i < 10; i++) await takeLines()
  })
  await measure(`a reader at 100 kB/s for ${SLOW_SECONDS} s`, async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(get('/lines'))
    const until = performance.now() + SLOW_SECONDS * 1000
    while (performance.now() < until) {
      await sleep(50)
      socket.read(Math.min(socket.readableLength, SLOW_BYTES_PER_SECOND / 20))
      socket.read(0)
    }
    socket.destroy()
  })
  await measure(`${STALLED} stalled readers of endless streams`, async () => {
    const sockets = Array.from({ length: STALLED }, () => connect(port, '127.0.0.1').pause())
    for (const socket of sockets) socket.write(get('/endless'))
    await sleep(STALLED_SECONDS * 1000)
    const { produced } = await collect()
    await sleep(500)
    const more = (await collect()).produced - produced
    console.log(`  ${(produced / STALLED / 1024).toFixed(0)} KiB produced for each, then ${more} bytes`)
    for (const socket of sockets) socket.destroy()
    if (more > 0) throw new Error('a stalled stream goes on')
  })

  server.disconnect()
  await once(server, 'exit')
  const failed = growth.filter((mib) => mib >= MOST_MIB).length
  console.log(failed === 0 ? `all below ${MOST_MIB} MiB` : `${failed} at ${MOST_MIB} MiB or above`)
  return failed === 0 ? 0 : 1
}

function rssAnonMib(pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

/** The content of one chunked body, without a byte of its framing. */
async function* chunks(socket, request) {
  socket.write(request)
  let held = Buffer.alloc(0)
  let inHead = true
  let left = 0 // of the current chunk, with its CRLF
  for await (const bytes of socket) {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    if (inHead) {
      const end = held.indexOf('\r\n\r\n')
      if (end === -1) continue
      held = held.subarray(end + 4)
      inHead = false
    }
    for (;;) {
      if (left === 0) {
        const end = held.indexOf('\r\n')
        if (end === -1) break
        const size = Number.parseInt(held.toString('latin1', 0, end), 16)
        if (size === 0) return
        left = size + 2
        held = held.subarray(end + 2)
      }
      if (held.length === 0) break
      const step = Math.min(left, held.length)
      const payload = Math.min(step, Math.max(left - 2, 0))
      if (payload > 0) yield held.subarray(0, payload)
      held = held.subarray(step)
      left -= step
    }
  }
  throw new Error('the body has no end')
}
