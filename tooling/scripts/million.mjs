// One million open event streams on one machine, or as many as it allows: over several server processes, as one is bound by its
// descriptors. Prints what a stream costs in memory, and broadcasts an event to all of them. Linux, two cores; for a million,
// 24 GiB and some minutes.
//   npm run million                               one million
//   npm run million -- --streams 20000 --per-server 5000
//   --streams N       how many in all (1,000,000)
//   --per-server N    how many in each process (19,000, or what `ulimit -Hn` allows)
//   --leave-gib N     stop opening when less memory than this would be left available (3)
//   --minutes N       give up after this time (15)
//   --server NAME     another server of tooling/bench, such as floor or node-http (catzilla)
// Each server is `tooling/bench/servers/catzilla.mjs` (an event stream over a Topic), with a C client of its own that holds the
// other ends, from several loopback addresses, and compares every byte that comes. All of them end with this process.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildTools } from '../bench/src/build.mjs'
import { openSubscribers } from '../bench/src/clients.mjs'
import { contestants } from '../bench/src/contestants.mjs'
import { CLIENT_CORE, SERVER_CORE } from '../bench/src/cores.mjs'
import { cpuNs } from '../bench/src/cpu-time.mjs'
import { descriptorLimit } from '../bench/src/descriptors.mjs'
import { restingMemory, rssAnon } from '../bench/src/memory.mjs'
import { formatNumber } from '../bench/src/numbers.mjs'
import { subscriberArgs } from '../bench/src/scenarios/broadcast.mjs'
import { startServer } from '../bench/src/server-process.mjs'

const KIB = 1024
const GIB = 1024 ** 3
const MOST_PER_SERVER = 19_000
/** For what a process opens beside its streams. */
const SPARE_DESCRIPTORS = 200
const WARM_UP_STREAMS = 500
const BROADCASTS = 2

const options = parse()
const started = performance.now()
buildTools()
setTimeout(() => {
  progress(`not done after ${options.minutes} minutes: given up`)
  process.exit(1) // which ends the children
}, options.minutes * 60_000).unref()

/** @type {{ server: import('../bench/src/types.ts').Server, before: number, subscribers: any, streams: number }[]} */
const pairs = []
const kernelBefore = kernelMemory()
const availableBefore = available()
const stopped = await openAll()
const streams = sum(pairs, (pair) => pair.streams)
if (stopped !== undefined) console.log(`Stopped before ${formatNumber(options.streams, 0)} streams: ${stopped}`)
if (streams > 0) await report()
else process.exitCode = 1
await Promise.all(pairs.map(({ server }) => server.stop()))

/** Opens server after server; returns why it stopped before it had all, if it did. */
async function openAll() {
  const most = Math.min(options.perServer, descriptorLimit() - SPARE_DESCRIPTORS)
  const servers = Math.ceil(options.streams / most)
  let dearest = 0
  for (let left = options.streams; left > 0; left -= most) {
    const free = available()
    if (free - dearest < options.leaveGib * GIB)
      return `${gib(free)} GiB of memory were available, and ${gib(dearest)} go with each server`
    const begun = performance.now()
    try {
      pairs.push(await openPair(pairs.length, Math.min(most, left)))
    } catch (error) {
      return error.message
    }
    dearest = Math.max(dearest, free - available())
    const open = formatNumber(
      sum(pairs, (pair) => pair.streams),
      0,
    )
    progress(
      `server ${pairs.length} of ${servers}: ${open} streams open, ${seconds(begun)} s; ${gib(available())} GiB available`,
    )
  }
  return undefined
}

/** Half of the servers run on each core, and their clients on the other one. */
async function openPair(index, count) {
  const [core, clientCore] = index % 2 === 0 ? [SERVER_CORE, CLIENT_CORE] : [CLIENT_CORE, SERVER_CORE]
  const server = await startServer(options.contestant, { core })
  const open = (streams) =>
    openSubscribers(server, [...subscriberArgs(server, streams), '--patience', 120], {
      core: clientCore,
      seconds: options.minutes * 60,
    })
  try {
    const first = await open(WARM_UP_STREAMS)
    await first.publish('/publish/burst', 1, 2)
    await first.release()
    const before = (await restingMemory(server)).rssAnon
    return { server, before, subscribers: await open(count), streams: count }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function report() {
  const opened = seconds(started)
  progress('collecting garbage')
  for (const { server } of pairs) await restingMemory(server)
  const user = sum(pairs, ({ server, before }) => rssAnon(server.pid) - before)
  const processes = sum(pairs, ({ server }) => rssAnon(server.pid))
  const kernel = kernelMemory() - kernelBefore
  const used = availableBefore - available()
  console.log(
    `${formatNumber(streams, 0)} event streams open in ${pairs.length} processes of ${options.contestant.name}, after ${opened} s`,
  )
  table([
    ['memory of the servers (RssAnon), B/stream', formatNumber(user / streams, 0)],
    ['kernel memory of both ends (Slab), B/stream', formatNumber(kernel / streams, 0)],
    ['all server processes, with Node itself, GiB', gib(processes)],
    ['all that is no longer available, clients and other work included, GiB', gib(used)],
    ...(await broadcasts()),
    ['streams that broke off', formatNumber(await releaseAll(), 0)],
  ])
}

async function broadcasts() {
  const rows = []
  for (let i = 0; i < BROADCASTS; i++) {
    progress('broadcasting')
    const begun = performance.now()
    const cpuBefore = sum(pairs, ({ server }) => cpuNs(server.pid))
    const deliveries = await Promise.all(pairs.map((pair) => deliver(pair)))
    const wall = performance.now() - begun
    const cpu = sum(pairs, ({ server }) => cpuNs(server.pid)) - cpuBefore
    const lost = streams - sum(deliveries, (count) => count)
    const figures = [
      `${(wall / 1000).toFixed(1)} s`,
      `${(cpu / 1000 / streams).toFixed(1)} µs of server CPU each`,
      `${formatNumber(lost, 0)} lost`,
    ]
    rows.push([`broadcast of one event to all, number ${i + 1}`, figures.join(', ')])
  }
  return rows
}

/** How many got it: none of those whose client says that something is wrong. */
async function deliver({ subscribers }) {
  try {
    return (await subscribers.publish('/publish/burst', 1, 1)).deliveries
  } catch (error) {
    progress(error.message)
    return 0
  }
}

async function releaseAll() {
  const left = await Promise.allSettled(pairs.map(({ subscribers }) => subscribers.release()))
  return sum(pairs, ({ streams }, i) => (left[i].status === 'fulfilled' ? 0 : streams))
}

/** Sockets, their files and the epoll entries: nearly all that the kernel holds for a connection is in slabs. */
function kernelMemory() {
  return meminfo('Slab')
}

function available() {
  return meminfo('MemAvailable')
}

function meminfo(name) {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))[1]) * KIB
}

function parse() {
  const text = { type: 'string' }
  const { values } = parseArgs({
    options: { streams: text, 'per-server': text, 'leave-gib': text, minutes: text, server: text },
  })
  const {
    streams = 1_000_000,
    'per-server': perServer = MOST_PER_SERVER,
    'leave-gib': leaveGib = 3,
    minutes = 15,
    server = 'catzilla',
  } = values
  const numbers = {
    streams: Number(streams),
    perServer: Number(perServer),
    leaveGib: Number(leaveGib),
    minutes: Number(minutes),
  }
  const contestant = contestants.find(({ name }) => name === server)
  if (contestant === undefined || !Object.values(numbers).every((number) => number > 0)) {
    console.error(
      'usage: npm run million -- [--streams N] [--per-server N] [--leave-gib N] [--minutes N] [--server NAME]',
    )
    process.exit(2)
  }
  return { ...numbers, contestant }
}

/** @template T @param {T[]} list @param {(item: T, index: number) => number} of */
function sum(list, of) {
  return list.reduce((total, item, index) => total + of(item, index), 0)
}

function table(rows) {
  console.log(`\n| | |\n| --- | ---: |\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}`)
}

function gib(bytes) {
  return (bytes / GIB).toFixed(1)
}

function seconds(since) {
  return ((performance.now() - since) / 1000).toFixed(1)
}

function progress(text) {
  console.error(`million: ${text}`)
}
