// What jemalloc changes for a server that has a load peak: resident memory (RssAnon, Linux) before, at the peak and after it,
// under the system's allocator and under jemalloc (Debian package libjemalloc2), and the CPU that it took. Prints the table of docs/deploy.md.
//   node tooling/scripts/measure-allocators.mjs [rounds]
// The peak: 1,500 clients each ask for a JSON answer of 256 KiB and an endless stream, post 64 KiB, and read nothing for two seconds.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const CLIENTS = 1_500
const WAVES = 4
const STALL_MS = 2_000
const REST_MS = 5_000
const BODY = 'x'.repeat(64 * 1024)
const LIBRARIES = ['/usr/lib/x86_64-linux-gnu/libjemalloc.so.2', '/usr/lib/aarch64-linux-gnu/libjemalloc.so.2']

const [role] = process.argv.slice(2)
if (role === 'serve') await serve()
else if (role === 'load') await load(Number(process.argv[3]))
else await measure(Number(role ?? 3))

async function serve() {
  const { catzilla } = await import(new URL('../../packages/catzilla/dist/index.js', import.meta.url).href)
  const rows = Array.from({ length: 2_000 }, (_, id) => ({ id, name: `row ${id}`, note: 'x'.repeat(90) }))
  const app = catzilla()
  app.get('/json', () => rows)
  app.get('/endless', function* () {
    for (let i = 0; ; i++) yield `${i} ${'y'.repeat(i % 4_000)}\n`
  })
  app.post('/upload', async (req) => String((await req.bytes()).length))
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  process.on('message', () => process.send({ cpu: process.cpuUsage() }))
  process.on('disconnect', () => process.exit(0))
  process.send({ port })
}

/** One wave: all connect, ask for everything, stall, leave. */
async function load(port) {
  const post = `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
  const ask = `${post}GET /json HTTP/1.1\r\nHost: a\r\n\r\nGET /endless HTTP/1.1\r\nHost: a\r\n\r\n`
  const sockets = []
  for (let i = 0; i < CLIENTS; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.pause()
    socket.write(ask)
    sockets.push(socket)
    if (i % 50 === 49) await sleep(5)
  }
  await sleep(STALL_MS)
  for (const socket of sockets) socket.resume()
  await sleep(STALL_MS)
  for (const socket of sockets) socket.resetAndDestroy()
  await sleep(200)
  process.send('done')
}

async function measure(rounds) {
  const library = LIBRARIES.find(existsSync)
  if (process.platform !== 'linux' || library === undefined) {
    console.error('needs Linux, and jemalloc: apt-get install libjemalloc2')
    process.exit(1)
  }
  const results = { "the system's (glibc)": [], 'jemalloc 5': [] }
  for (let round = 1; round <= rounds; round++) {
    for (const [name, list] of Object.entries(results)) {
      process.stderr.write(`\rround ${round} of ${rounds}, ${name}      `)
      list.push(await peak(name.startsWith('jemalloc') ? { LD_PRELOAD: library } : {}))
    }
  }
  process.stderr.write('\n')
  console.log('| allocator | before, MiB | peak, MiB | 5 s after, MiB | CPU, s |\n| --- | --- | --- | --- | --- |')
  for (const [name, list] of Object.entries(results)) {
    const cells = ['before', 'highest', 'after', 'cpu'].map((key) =>
      median(list.map((each) => each[key])).toFixed(key === 'cpu' ? 2 : 0),
    )
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
}

async function peak(env) {
  const self = fileURLToPath(import.meta.url)
  const server = fork(self, ['serve'], { env: { ...process.env, ...env } })
  const [{ port }] = await once(server, 'message')
  const before = rssAnonMib(server.pid)
  let highest = before
  const sampler = setInterval(() => (highest = Math.max(highest, rssAnonMib(server.pid))), 25)
  for (let wave = 0; wave < WAVES; wave++) {
    const client = fork(self, ['load', String(port)])
    await once(client, 'message')
    client.kill()
  }
  await sleep(REST_MS)
  clearInterval(sampler)
  const after = rssAnonMib(server.pid)
  server.send('cpu')
  const [{ cpu }] = await once(server, 'message')
  server.disconnect()
  await once(server, 'exit')
  return { before, highest, after, cpu: (cpu.user + cpu.system) / 1e6 }
}

function rssAnonMib(pid) {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
