// What an event costs a server whose channel has many clients: ours on three hosts, and better-sse. The figure is the server's CPU time for
// each delivery, from publish() until the last client has all; the rate that is printed is what one core makes of it. After a build:
// `node tooling/bench/src/channel-publish.mjs [clients] [events] [rounds]`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { cpus } from 'node:os'

const [CLIENTS = 5_000, EVENTS = 100, ROUNDS = 3] = process.argv.slice(2).map(Number)
const KINDS = ['catzilla', 'node:http', 'express', 'better-sse', 'better-sse in express']
const CONNECT_AT_ONCE = 250
const WARM_UPS = 1

async function main() {
  console.log(`${cpus()[0].model}, Node ${process.version}; ${ROUNDS} interleaved rounds, median (min – max)`)
  for (const events of new Set([1, EVENTS])) {
    const results = Object.fromEntries(KINDS.map((kind) => [kind, []]))
    for (let round = 0; round < ROUNDS; round++)
      for (const kind of KINDS) results[kind].push(await measure(kind, events))
    print(events, results)
  }
}

/** @returns {Promise<{ cpuUs: number, rss: number }>} */
async function measure(kind, events) {
  const child = fork(new URL('../servers/channel.mjs', import.meta.url), [kind])
  const [{ port }] = await once(child, 'message')
  const ask = async (question) => {
    child.send(question)
    return (await once(child, 'message'))[0]
  }
  const clients = []
  while (clients.length < CLIENTS) {
    const count = Math.min(CONNECT_AT_ONCE, CLIENTS - clients.length)
    clients.push(...(await Promise.all(Array.from({ length: count }, () => new Client().open(port)))))
  }
  while ((await ask({ ask: 'size' })).size < CLIENTS) await new Promise((resolve) => setTimeout(resolve, 50))
  let result
  for (let run = 0; run <= WARM_UPS; run++) {
    const all = Promise.all(clients.map((client) => client.receive(events)))
    child.send({ ask: 'publish', events })
    await all
    result = await ask({ ask: 'done' })
  }
  for (const client of clients) client.close()
  child.disconnect()
  await once(child, 'exit')
  return { cpuUs: result.cpuUs / (CLIENTS * events), rss: result.rss }
}

/** Counts the ends of events: two line feeds, wherever the pieces are cut. Nobody else is in a hurry. */
class Client {
  left = 1
  /** Where the last line feed was, seen from the start of the next piece. */
  lastFeed = -2

  /** Resolves when the stream has begun: with its reconnection time. */
  async open(port) {
    const begun = this.receive(1)
    this.socket = connect(port, '127.0.0.1')
    await once(this.socket, 'connect')
    this.socket.on('data', (bytes) => this.take(bytes))
    this.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await begun
    return this
  }

  receive(events) {
    this.left = events
    return new Promise((resolve) => (this.resolve = resolve))
  }

  take(bytes) {
    let last = this.lastFeed
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
      if (at === last + 1) this.left--
      last = at
    }
    this.lastFeed = last - bytes.length
    if (this.left <= 0) this.resolve()
  }

  close() {
    this.socket.destroy()
  }
}

function print(events, results) {
  console.log(`\n${events} events to ${CLIENTS} clients`)
  const theirs = median(results['better-sse'].map(({ cpuUs }) => cpuUs))
  for (const [kind, runs] of Object.entries(results)) {
    const costs = runs.map(({ cpuUs }) => cpuUs)
    const cost = median(costs)
    const spread = `(${Math.min(...costs).toFixed(2)} – ${Math.max(...costs).toFixed(2)})`
    const rate = Math.round(1e6 / cost).toLocaleString('en-US')
    const mib = Math.round(median(runs.map(({ rss }) => rss)) / 1024 / 1024)
    const ratio = `${(theirs / cost).toFixed(1)} ×`
    console.log(
      `  ${kind.padEnd(22)} ${cost.toFixed(2).padStart(6)} µs ${spread.padEnd(17)} ${rate.padStart(10)}/s of CPU ${ratio.padStart(7)} ${String(mib).padStart(5)} MiB`,
    )
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

await main()
