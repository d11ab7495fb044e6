// One server of the cluster: a process of its own, which knows Redis and nothing of the other server.
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { catzilla, createChannel, reply } from 'catzilla'
import { redisBus } from '@catzilla/sse/redis'
import { Redis } from 'ioredis'

const [name = 'A', redisPort = '6379'] = process.argv.slice(2)
const TICK_MS = 500

const redis = new Redis(Number(redisPort), '127.0.0.1', { retryStrategy: () => 200 })
redis.on('error', () => {}) // The channel tells of it.

const board = createChannel({
  name: 'board',
  bus: redisBus({ client: redis }),
  replay: { events: 1000 },
  retryMs: 500,
  heartbeatMs: 5_000,
  farewell: { event: 'goodbye' },
})
let redisIsThere = true
board.on('error', () => (redisIsThere = false))

const app = catzilla()
const headers = { 'access-control-allow-origin': '*' } // The page of one server reads those of both.

app.get('/events', () => board.subscribe({ headers }))

app.post('/publish', async ({ query }) => {
  const id = await publish({ text: query.get('text') ?? '' })
  return reply(JSON.stringify({ id }), { headers: { ...headers, 'content-type': 'application/json' } })
})

app.get('/stats', () => {
  const stats = { name, redis: redisIsThere, ...board.stats }
  return reply(JSON.stringify(stats), { headers: { ...headers, 'content-type': 'application/json' } })
})

// What happens to Redis is up to who started it.
app.post('/redis/:action', ({ params }) => {
  process.send?.({ redis: params.action })
  return null
})

/** @type {unknown} */
let nodes = []
app.get('/nodes', () => nodes)

/** The look is that of the demo, and so are its files. */
const files = {
  '/': './public/index.html',
  '/cluster.css': './public/cluster.css',
  '/cluster.js': './public/cluster.js',
  '/style.css': '../demo/public/style.css',
  '/logo.svg': '../demo/public/logo.svg',
}
const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
for (const [path, file] of Object.entries(files)) {
  const type = `${types[/** @type {keyof typeof types} */ (extname(file))]}; charset=utf-8`
  app.get(path, async () =>
    reply(await readFile(new URL(file, import.meta.url), 'utf8'), { headers: { 'content-type': type } }),
  )
}

let ticks = 0
const ticking = setInterval(() => {
  if (board.size > 0) publish({ tick: ++ticks }).catch(() => {}) // Redis has been away for too long.
}, TICK_MS)

/** @param {object} data */
async function publish(data) {
  const id = await board.publish({ event: 'note', data: { from: name, ...data } })
  redisIsThere = true
  return id
}

process.on('message', (/** @type {{ nodes?: unknown, stop?: boolean }} */ message) => {
  if (message.nodes !== undefined) nodes = message.nodes
  if (message.stop === true) void stop()
})
process.once('disconnect', stop)

const { url } = await app.listen({ host: '127.0.0.1' })
process.send?.({ listening: url })

async function stop() {
  clearInterval(ticking)
  board.close()
  await app.close({ graceMs: 500 })
  redis.disconnect()
  process.exit(0)
}
