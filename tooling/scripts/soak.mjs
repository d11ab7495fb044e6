// Ten minutes of everything at once against a server on two loops: streams read whole and broken off, uploads, downloads, event streams,
// readers that stand still, connections reset at any point, and a worker that ends every half minute. At its end: no wrong byte, no
// descriptor, stream or buffered byte left, and RssAnon within 16 MiB of what it was after warming up.
//   npm run soak [-- --minutes 10]        Linux; needs built packages
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOST_MIB = 16
const WORKERS = 2
const CLIENTS_OF_A_KIND = 4
const WARM_UP = 0.2 // of the whole time
const CRASH_EVERY_MS = 30_000
const STANDSTILL_MS = 5_000
const SETTLE_MS = 30_000
const FILE_BYTES = 8 << 20

/** Set while everybody is to wait. */
let pause
let finished = false

const { minutes } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } }).values
const server = fork(fileURLToPath(new URL('soak-server.mjs', import.meta.url)), [String(WORKERS)], {
  execArgv: ['--expose-gc'],
})
server.on('exit', (code) => {
  if (!finished) fail(`the server ended (${code})`)
})
const [{ port }] = await once(server, 'message')

let stopping = false
let transfers = 0
let brokenOff = 0
let crashes = 0
/** A worker that ends takes its connections along: for so long an early end is no fault. */
let forgivenUntil = 0

const digestOfFile = createHash('sha256').update(readFileSync(process.execPath).subarray(0, FILE_BYTES)).digest('hex')
const kinds = { whole, upload, download, brokenOffAnywhere, standsStill, listens }
const started = Date.now()
const endAt = started + Number(minutes) * 60_000
const warmAt = started + (endAt - started) * WARM_UP
const clients = Object.values(kinds).flatMap((kind) => Array.from({ length: CLIENTS_OF_A_KIND }, () => repeat(kind)))

let baseline
let nextCrash = Date.now() + CRASH_EVERY_MS
while (Date.now() < endAt) {
  await sleep(Math.min(5_000, endAt - Date.now()))
  if (baseline === undefined && Date.now() >= warmAt) baseline = await rest()
  if (Date.now() >= nextCrash) {
    nextCrash = Date.now() + CRASH_EVERY_MS
    forgivenUntil = Date.now() + 5_000
    crashes++
    await fetch(url('/crash')).then((response) => response.text())
  }
  const left = Math.ceil((endAt - Date.now()) / 60_000)
  console.log(
    `${left} min left: ${transfers} transfers, ${brokenOff} broken off, ${crashes} workers ended, ${rssAnonMib().toFixed(1)} MiB, ${descriptors()} descriptors`,
  )
}
stopping = true
await Promise.all(clients)
const end = await rest()

console.log(`\n${transfers} transfers, ${brokenOff} of them broken off by the client, ${crashes} workers ended`)
console.log(`RssAnon ${baseline.rss.toFixed(1)} MiB warmed up, ${end.rss.toFixed(1)} MiB at the end`)
console.log(`descriptors ${baseline.descriptors} and ${end.descriptors}; ${JSON.stringify(end.stats)}`)
if (end.rss - baseline.rss > MOST_MIB) fail(`memory grew by ${(end.rss - baseline.rss).toFixed(1)} MiB`)
if (end.descriptors > baseline.descriptors) fail('descriptors are left')
finished = true
server.send('close')
await once(server, 'exit')
console.log('soak: passed')

// ── kinds of clients ─────────────────────────────────────────────────────────────────────────────────────────────────

async function whole() {
  const count = 1 + Math.floor(Math.random() * 50_000)
  const path = Math.random() < 0.5 ? '/count' : '/async'
  const response = await fetch(url(`${path}/${path === '/async' ? Math.ceil(count / 10) : count}`))
  const expected = createHash('sha256')
  const lines = path === '/async' ? Math.ceil(count / 10) : count
  for (let i = 0; i < lines; i++) expected.update(`line ${i}\n`)
  expect(await digestOf(response), expected.digest('hex'), `${path}/${lines}`)
}

async function upload() {
  const body = randomBytes(1 + Math.floor(Math.random() * 300_000))
  const pieces = async function* () {
    for (let at = 0; at < body.length; at += 10_000) yield body.subarray(at, at + 10_000)
  }
  const response = await fetch(url('/upload'), { method: 'POST', body: pieces(), duplex: 'half' })
  expect(await response.text(), createHash('sha256').update(body).digest('hex'), '/upload')
}

async function download() {
  const response = await fetch(url('/file'))
  expect(await digestOf(response), digestOfFile, '/file')
}

/** Leaves with a RST while anything may be going on. */
async function brokenOffAnywhere() {
  const paths = ['/count/100000', '/async/10000', '/file', '/events', '/count/1']
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  const request = `GET ${paths[Math.floor(Math.random() * paths.length)]} HTTP/1.1\r\nHost: a\r\n\r\n`
  socket.write(request.slice(0, Math.random() < 0.2 ? Math.floor(Math.random() * request.length) : undefined))
  let left = Math.random() * 500_000
  socket.on('data', (bytes) => {
    if ((left -= bytes.length) < 0) socket.resetAndDestroy()
  })
  await sleep(Math.random() * 200)
  socket.resetAndDestroy()
  if (!socket.closed) await once(socket, 'close')
  brokenOff++
}

/** Asks for more than fits anywhere, reads nothing for a while, then all of it: each byte must be the right one. */
async function standsStill() {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write('GET /count/1000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  socket.pause()
  await sleep(Math.random() * STANDSTILL_MS)
  let text = ''
  let line = -1
  socket.setEncoding('latin1')
  const closed = once(socket, 'close')
  socket.on('data', (piece) => {
    // Framing aside: lines in order, as far as it comes.
    text += piece
    const end = text.lastIndexOf('\n')
    for (const [, number] of text.slice(0, end + 1).matchAll(/line (\d+)\n/g)) {
      if (Number(number) < line) fail(`line ${number} behind line ${line}`)
      line = Number(number)
    }
    text = text.slice(end + 1)
    if (line > 200_000) socket.destroy()
  })
  socket.resume()
  await closed
  brokenOff++
}

async function listens() {
  const abort = new AbortController()
  const response = await fetch(url('/events'), { signal: abort.signal })
  let last = 0
  let text = ''
  try {
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      text += piece
      const events = text.split('\n\n')
      text = events.pop()
      for (const event of events) {
        const id = Number(/^id: (\d+)/m.exec(event)?.[1] ?? last + 1)
        if (last !== 0 && id !== last + 1) fail(`event ${id} behind event ${last}`)
        last = id
      }
      if (last % 50 === 49) abort.abort()
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error
    brokenOff++
  }
}

// ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function repeat(kind) {
  while (!stopping) {
    try {
      await kind()
      transfers++
    } catch (error) {
      if (Date.now() > forgivenUntil) fail(`${kind.name}: ${error.cause ?? error}`)
      await sleep(100)
    }
    if (pause !== undefined) await pause
  }
}

async function digestOf(response) {
  const hash = createHash('sha256')
  for await (const piece of response.body) hash.update(piece)
  return hash.digest('hex')
}

function expect(actual, expected, what) {
  if (actual !== expected) fail(`${what}: wrong bytes`)
}

function url(path) {
  return `http://127.0.0.1:${port}${path}`
}

function fail(message) {
  console.error(`soak: ${message}`)
  finished = true
  server.kill('SIGKILL')
  process.exit(1)
}

/** Everybody waits until nothing is open; then what the server holds. */
async function rest() {
  let go
  pause = new Promise((resolve) => (go = resolve))
  const deadline = Date.now() + SETTLE_MS
  for (;;) {
    server.send('stats')
    const [stats] = await once(server, 'message')
    if (stats.activeExchanges === 0 && stats.connections === 0 && stats.engine.bufferedBytes === 0) {
      const result = { rss: rssAnonMib(), descriptors: descriptors(), stats }
      go()
      pause = undefined
      return result
    }
    if (Date.now() > deadline) fail(`not at rest: ${JSON.stringify(stats)}`)
    await sleep(250)
  }
}

function rssAnonMib() {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024
}

function descriptors() {
  return readdirSync(`/proc/${server.pid}/fd`).length
}
