// One million open event streams on one machine, or as many as it allows: over several server processes, as one is bound by its
// descriptors. Prints what a stream costs in memory, and broadcasts an event to all of them. Linux, two cores; for a million,
// 24 GiB and some minutes.
//   npm run million                               one million
//   npm run million -- --streams 20000 --per-server 5000
//   --streams N       how many in all (1,000,000)
//   --per-server N    how many in each process (19,000, or what `ulimit -Hn` allows)
//   --leave-gib N     stop opening when less memory than this would be left available (3)
//   --minutes N       stop opening at two thirds of this time, and give up at its end (15)
//   --server NAME     another server of tooling/bench, such as floor or node-http (catzilla)
// Each server is `tooling/bench/servers/catzilla.mjs` (an event stream over a Topic), with a C client of its own that holds the
// other ends, from several loopback addresses, and compares every byte that comes. All of them end with this process.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildTools } from '../bench/src/build.mjs'
import { openSubscribers } from '../bench/src/clients.mjs'
import { contestants } from '../bench/src/contestants.mjs'
import { CLIENT_CORE, SERVER_CORE } from '../bench/src/cores.mjs'
import { cpuNs } from '../bench/src/cpu-time.mjs'
import { descriptorLimit } from '../bench/src/descriptors.mjs'
import { restingMemory } from '../bench/src/memory.mjs'
import { formatNumber } from '../bench/src/numbers.mjs'
import { subscriberArgs } from '../bench/src/scenarios/broadcast.mjs'
import { startServer } from '../bench/src/server-process.mjs'

const KIB = 1024
const GIB = 1024 ** 3
const MOST_PER_SERVER = 19_000
/** For what a process opens beside its streams. */
const SPARE_DESCRIPTORS = 200
const WARM_UP_STREAMS = 500
/** V8 gives back what it grew by under load when it has rested: see `restMs` in tooling/bench. */
const REST_MS = 15_000
/** What a stream takes at least, in the kernel and beside it: not to begin what cannot be ended. */
const LEAST_BYTES = 10 * KIB
const LANES = 2
const BROADCASTS = 2
/** Of the time, for opening; the rest is for measuring. */
const OPENING_SHARE = 2 / 3

const options = parse()
const started = performance.now()
buildTools()
setTimeout(() => {
  progress(`not done after ${options.minutes} minutes: given up`)
  process.exit(1) // which ends the children
}, options.minutes * 60_000).unref()

/** Servers with their clients. @type {{ server: import('../bench/src/types.ts').Server, before: number, subscribers: any, streams: number }[]} */
const pairs = []
/** Why not all were opened. @type {string | undefined} */
let stopped
const kernelBefore = kernelMemory()
const availableBefore = available()
const perServer = Math.min(options.perServer, descriptorLimit() - SPARE_DESCRIPTORS)

const servers = await startAll()
await openAll(servers)
const streams = sum(pairs, (pair) => pair.streams)
if (stopped !== undefined) console.log(`Stopped before ${formatNumber(options.streams, 0)} streams: ${stopped}`)
if (streams > 0) await report()
else process.exitCode = 1
await Promise.all(servers.map(({ server }) => server.stop()))

/** All servers, each warm and rested: what a stream costs is what is added to that. */
async function startAll() {
  const warm = []
  const indices = Array.from({ length: Math.ceil(options.streams / perServer) }, (_, i) => i)
  await inLanes(indices, 0, async (index) => {
    // Half of the servers run on each core, and their clients on the other one.
    const [core, clientCore] = index % 2 === 0 ? [SERVER_CORE, CLIENT_CORE] : [CLIENT_CORE, SERVER_CORE]
    const server = await startServer(options.contestant, { core })
    warm.push({ server, clientCore })
    const subscribers = await subscribe({ server, clientCore }, WARM_UP_STREAMS)
    await subscribers.publish('/publish/burst', 1, 2)
    await subscribers.release()
  })
  progress(`${warm.length} servers started`)
  await sleep(REST_MS)
  return Promise.all(warm.map(async (one) => ({ ...one, before: (await restingMemory(one.server)).rssAnon })))
}

/** Opens streams of server after server, until all are open or something is used up. */
async function openAll(servers) {
  const counts = servers.map((one, i) => ({ one, count: Math.min(perServer, options.streams - i * perServer) }))
  await inLanes(counts, perServer * LEAST_BYTES, async ({ one: { server, clientCore, before }, count }) => {
    const begun = performance.now()
    const subscribers = await subscribe({ server, clientCore }, count)
    pairs.push({ server, before, subscribers, streams: count })
    const open = sum(pairs, (pair) => pair.streams)
    progress(`${formatNumber(open, 0)} open, the last ${seconds(begun)} s; ${gib(available())} GiB available`)
  })
}

/**
 * Does each of the tasks, two at a time, while there is time for it and `bytes` of memory.
 * @template T
 * @param {T[]} tasks
 * @param {number} bytes
 * @param {(task: T) => Promise<void>} work
 */
async function inLanes(tasks, bytes, work) {
  const left = [...tasks]
  let over = false
  const stop = (/** @type {string} */ reason) => {
    over = true
    stopped ??= reason
  }
  const lane = async () => {
    while (left.length > 0 && !over) {
      const free = available()
      if (free - LANES * bytes < options.leaveGib * GIB) stop(`${gib(free)} GiB of memory were available`)
      else if (performance.now() - started > options.minutes * 60_000 * OPENING_SHARE) stop('time was over')
      else await work(left.shift()).catch(({ message }) => stop(message))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

function subscribe({ server, clientCore }, count) {
  return openSubscribers(server, [...subscriberArgs(server, count), '--patience', 120], {
    core: clientCore,
    seconds: options.minutes * 60,
  })
}

async function report() {
  const opened = seconds(started)
  await sleep(REST_MS)
  const memory = await Promise.all(pairs.map(async ({ server }) => (await restingMemory(server)).rssAnon))
  const processes = sum(memory, (bytes) => bytes)
  const user = processes - sum(pairs, ({ before }) => before)
  const kernel = kernelMemory() - kernelBefore
  const used = availableBefore - available()
  const name = options.contestant.name
  console.log(
    `${formatNumber(streams, 0)} event streams open in ${pairs.length} processes of ${name}, after ${opened} s`,
  )
  table([
    ['memory of the servers (RssAnon), B/stream', formatNumber(user / streams, 0)],
    ['kernel memory of both ends (Slab), B/stream', formatNumber(kernel / streams, 0)],
    ['these server processes, with Node itself, GiB', gib(processes)],
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
