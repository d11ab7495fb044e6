// What the bus on Redis takes: events published on one node until another has them all, and what one event alone takes. After a build, with
// a Redis of your own: `node packages/sse/bench/redis.mjs PORT [events]`.
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { createChannel } from '../dist/index.js'
import { redisBus } from '../dist/redis.js'

const [PORT, EVENTS = 20_000] = process.argv.slice(2).map(Number)
const ALONE = 500
const DATA = { symbol: 'CZ', price: 12.5, text: 'x'.repeat(150) }

const clients = [new Redis(PORT, '127.0.0.1'), new Redis(PORT, '127.0.0.1')]
await Promise.all(clients.map((client) => once(client, 'ready')))
const buses = clients.map((client) => redisBus({ client }))
const name = `bench-${Date.now()}`
const [a, b] = buses.map((bus) => createChannel({ name, bus }))
await Promise.all([a.whenReady, b.whenReady])

/** Until the other node has `count`. */
async function arrived(count) {
  while (b.stats.published < count) await new Promise(setImmediate)
}

await a.publish({ data: DATA })
await arrived(1)
const times = []
for (let i = 0; i < ALONE; i++) {
  const start = performance.now()
  await Promise.all([a.publish({ data: DATA }), arrived(i + 2)])
  times.push(performance.now() - start)
}
times.sort((x, y) => x - y)
console.log(
  `one event alone, from publish() to the other node: median ${times[ALONE >> 1].toFixed(2)} ms, p99 ${times[(ALONE * 0.99) | 0].toFixed(2)} ms`,
)

const before = process.cpuUsage()
const start = performance.now()
const stored = Promise.all(Array.from({ length: EVENTS }, () => a.publish({ data: DATA })))
await Promise.all([stored, arrived(1 + ALONE + EVENTS)])
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(before)
const cpu = ((user + system) / EVENTS).toFixed(1)
console.log(
  `${EVENTS} events at once: ${Math.round(EVENTS / seconds)} a second, ${cpu} µs of CPU an event for both nodes`,
)

for (const bus of buses) await bus.close()
for (const client of clients) client.disconnect()
