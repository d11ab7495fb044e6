// The server of soak.mjs, on as many loops as its argument says; run as a child, it answers `stats` and `close`.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'
import { catzilla, sse, StreamingResponse, Topic } from '../../packages/catzilla/dist/index.js'
import { openFile } from '../../packages/streaming/dist/node.js'

const FILE_BYTES = 8 << 20

const events = new Topic({ name: 'soak', encode: (text, id) => `id: ${id}\ndata: ${text}\n\n` })
const collect = new BroadcastChannel('soak-collect')
collect.onmessage = () => globalThis.gc()
collect.unref()

const app = catzilla({ logger: { info() {}, warn() {}, error() {} } })
app.get('/count/:lines', function* ({ params }) {
  for (let i = 0; i < Number(params.lines); i++) yield `line ${i}\n`
})
app.get('/async/:lines', async function* ({ params }) {
  for (let i = 0; i < Number(params.lines); i++) {
    if (i % 1000 === 999) await sleep(1)
    yield `line ${i}\n`
  }
})
app.get('/events', () => new StreamingResponse(events.subscribe(), { head: 'eager', contentType: 'text/event-stream' }))
app.get('/clock', () =>
  sse(async function* ({ signal }) {
    for (let id = 1; ; id++) yield { id, data: await sleep(100, 'tick', { signal }) }
  }),
)
app.get('/file', async () => {
  const file = await openFile(process.execPath, { start: 0, end: FILE_BYTES })
  return new StreamingResponse(file, { headers: { 'content-length': String(FILE_BYTES) } })
})
app.post('/upload', async (req) => {
  const hash = createHash('sha256')
  for await (const bytes of req.body) hash.update(bytes)
  return hash.digest('hex')
})
app.get('/crash', () => {
  setTimeout(() => process.exit(1), 10)
  return 'soon'
})

export default app

const { port } = await app.listen({ host: '127.0.0.1', port: 0, workers: Number(process.argv[2]) })
if (isMainThread) {
  const ticker = setInterval(() => events.publish('tick'), 10)
  process.on('message', async (message) => {
    if (message === 'stats') {
      collect.postMessage('collect')
      globalThis.gc()
      await sleep(200)
      process.send(await app.totalStats())
    } else if (message === 'close') {
      clearInterval(ticker)
      events.close()
      await app.close()
      collect.close()
      process.disconnect()
    }
  })
  process.send({ port })
}
