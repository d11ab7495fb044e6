import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { HEARTBEAT, HEARTBEAT_MS, RETRY } from '../../servers/content.mjs'
import { holdStreams } from '../clients.mjs'
import { descriptorLimit } from '../descriptors.mjs'
import { restingMemory } from '../memory.mjs'

/** @import { Bar, Pace, Scenario, Server } from '../types.ts' */

/** For what a process opens beside its streams. */
const SPARE_DESCRIPTORS = 500
const WARM_UP_WAVES = 40
const WARM_UP_STREAMS = 200

/** @type {Scenario} */
export const idle = {
  name: 'idle',
  group: 'idle',
  title: 'Idle event streams',
  method:
    `Many event streams (\`text/event-stream\`) of one server, of which none has an event to send, each with a heartbeat every ` +
    `${HEARTBEAT_MS / 1000} s; ours by \`sse()\`. Memory is the growth of the process's \`RssAnon\` between two garbage ` +
    `collections: after a warm-up of ${WARM_UP_WAVES} waves of ${WARM_UP_STREAMS} streams that came and went, and with all ` +
    `streams open and each having had a heartbeat, each time after 15 s of rest (--quick: 0.2 s). Kernel memory is not in it. ` +
    `"No state of the user" is one source for all streams, which waits; "generators" wait in a generator of their own; ` +
    `"alone" are the same generators held in an array. A new process for each measurement.`,
  cores: 2,
  contestants:
    'floor catzilla-topic catzilla-none bare-sync catzilla-sync bare-async catzilla-async uws bun deno node-http',
  restarts: true,
  mostRounds: 2,
  columns: [
    { key: 'streams', title: 'streams', digits: 0 },
    { key: 'bytes', title: 'memory B/stream', digits: 0, spread: true },
    { key: 'heapBytes', title: 'of it in JavaScript objects', digits: 0 },
    { key: 'openSeconds', title: 's until open, with a heartbeat', digits: 1 },
  ],
  comparisons: [
    { to: 'bare-sync', title: 'above sync generators alone, B', as: 'difference', key: 'bytes', digits: 0 },
    { to: 'bare-async', title: 'above async generators alone, B', as: 'difference', key: 'bytes', digits: 0 },
    { to: 'node-http', title: 'of node:http', as: 'cost', key: 'bytes', digits: 2 },
  ],
  bars: [
    bar({ contestant: 'catzilla-topic', words: 'native, subscribers of a topic ≤ 256 B a stream', atMost: 256 }),
    bar({ contestant: 'catzilla-none', words: 'native ≤ 256 B a stream', atMost: 256 }),
    bar({ contestant: 'catzilla-sync', words: 'with a suspended sync generator ≤ 512 B', atMost: 512 }),
    bar({
      contestant: 'catzilla-async',
      words: 'with a suspended async generator ≤ 1 KiB above the generators alone',
      against: { to: 'bare-async', as: 'difference' },
      atMost: 1024,
    }),
  ],

  async check(server) {
    if (isYardstick(server)) return
    const { release } = await holdStreams(server, ['--connections', 3, ...PAYLOAD, '--min-repeats', 2])
    await release() // which fails unless all are still open
  },

  async measure(server, pace) {
    const streams = Math.min(pace.streams, descriptorLimit() - SPARE_DESCRIPTORS)
    if (isYardstick(server)) return measureAlone(server, { ...pace, streams })
    for (let i = 0; i < WARM_UP_WAVES; i++) {
      await (await holdStreams(server, ['--connections', WARM_UP_STREAMS, ...PAYLOAD])).release()
    }
    await sleep(pace.restMs)
    const before = await restingMemory(server)
    const args = ['--connections', streams, ...PAYLOAD, '--min-repeats', 1]
    const { figures, release } = await holdStreams(server, args)
    await sleep(pace.restMs)
    const after = await restingMemory(server)
    await release() // which fails unless all are still open
    return growth(before, after, streams, figures['seconds'] ?? 0)
  },
}

const PAYLOAD = ['--path', '/idle', '--lead', RETRY, '--repeats', HEARTBEAT]

/**
 * @param {Pick<Bar, 'contestant' | 'words' | 'against'> & { atMost: number }} bar
 * @returns {Bar}
 */
function bar(bar) {
  return { ...bar, unit: 'B', key: 'bytes', digits: 0 }
}

/**
 * The generators that the streams have, without the streams.
 * @param {Server} server
 * @param {Pace} pace
 */
async function measureAlone(server, { streams: count, restMs }) {
  await ask(server, `/idle?count=${WARM_UP_STREAMS}`)
  await sleep(restMs)
  const before = await restingMemory(server)
  await ask(server, `/idle?count=${count}`)
  await sleep(restMs)
  return growth(before, await restingMemory(server), count, Number.NaN)
}

/**
 * @param {{ rssAnon: number, heapUsed: number }} before
 * @param {{ rssAnon: number, heapUsed: number }} after
 * @param {number} streams
 * @param {number} openSeconds
 */
function growth(before, after, streams, openSeconds) {
  return {
    streams,
    bytes: (after.rssAnon - before.rssAnon) / streams,
    heapBytes: (after.heapUsed - before.heapUsed) / streams,
    openSeconds,
  }
}

/** @param {Server} server */
function isYardstick({ contestant }) {
  return contestant.role === 'yardstick'
}

/**
 * @param {Server} server
 * @param {string} path
 * @returns {Promise<void>}
 */
function ask({ port }, path) {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume().on('end', resolve).on('error', reject)
    })
    request.on('error', reject)
  })
}
