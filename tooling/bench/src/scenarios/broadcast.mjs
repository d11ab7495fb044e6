import { CAT, RETRY, eventOf } from '../../servers/content.mjs'
import { openSubscribers } from '../clients.mjs'
import { restingCpuNs } from '../cpu-time.mjs'
import { rssAnon } from '../memory.mjs'

/** @import { Subscribers } from '../clients.mjs' */
/** @import { Bar, Scenario, Server } from '../types.ts' */

const NUMBER = '########'
const EVENT = eventOf(NUMBER)
/** What better-sse makes of the same; it names each event, and does without a space. */
const EVENT_OF_BETTER_SSE = `event:message\nid:${NUMBER}\ndata:${JSON.stringify(CAT)}\n\n`
const MIB = 1024 * 1024

const PEERS = 'uws bun node-http'
const MORE_PEERS = `${PEERS} deno better-sse`

/** @type {Scenario[]} */
export const broadcastScenarios = [
  oneEvent({ subscribers: 5_000, times: 8, peers: MORE_PEERS }),
  oneEvent({ subscribers: 15_000, times: 3, peers: PEERS }),
  scenario({
    name: 'broadcast-burst',
    title: 'A burst of 100 events to 5,000 subscribers',
    method:
      '100 such events, published in one turn of the loop. One floor sends them one by one; the other has one send for each ' +
      'subscriber, with all of them.',
    contestants: `floor floor-joined catzilla catzilla-node ${MORE_PEERS}`,
    subscribers: 5_000,
    path: '/publish/burst',
    events: 100,
    times: 1,
    bars: [
      { words: '≥ 4,000,000 deliveries/s', unit: 'a second', key: 'perSecond', digits: 0, atLeast: 4_000_000 },
      {
        words: '≥ 0.4 of the rate of the floor that joins, per CPU',
        unit: '×',
        key: 'cpuUs',
        digits: 2,
        against: { to: 'floor-joined', as: 'speed' },
        atLeast: 0.4,
      },
      {
        words: '≥ 5 × the best peer, per CPU',
        unit: '×',
        key: 'cpuUs',
        digits: 1,
        against: { to: 'best-peer', as: 'speed' },
        atLeast: 5,
      },
    ],
  }),
  scenario({
    name: 'broadcast-turns',
    title: '100 events to 5,000 subscribers, one in each turn of the loop',
    method:
      'The same events, but each is published in a turn of its own. Whoever has not sent the last one to all by then may ' +
      'join it with the next; the floor does not.',
    contestants: 'floor catzilla catzilla-node uws node-http',
    subscribers: 5_000,
    path: '/publish/turns',
    events: 100,
    times: 1,
    bars: [
      {
        words: "≥ the floor's rate, per CPU",
        unit: '×',
        key: 'cpuUs',
        digits: 2,
        against: { to: 'floor', as: 'speed' },
        atLeast: 1,
      },
    ],
  }),
]

/**
 * @param {{ subscribers: number, times: number, peers: string }} size
 * @returns {Scenario}
 */
function oneEvent({ subscribers, times, peers }) {
  const count = subscribers.toLocaleString('en-US')
  return scenario({
    name: `broadcast-${subscribers}`,
    title: `One event to ${count} subscribers`,
    method:
      `An event of ${EVENT.length} bytes is published to ${count} open event streams; ${times} times, each when all have the ` +
      'one before. The rate is from the request that has it published until the last of them has it; the client is awake a few ' +
      'times in a millisecond, so that nobody has to wake it, and compares every byte.',
    contestants: `floor catzilla catzilla-node ${peers}`,
    subscribers,
    path: '/publish/burst',
    events: 1,
    times,
    bars: [
      {
        words: '≤ 1.1 × the CPU of the C send loop',
        unit: '×',
        key: 'cpuUs',
        digits: 2,
        against: { to: 'floor', as: 'cost' },
        atMost: 1.1,
      },
    ],
  })
}

/**
 * @param {Required<Pick<Scenario, 'name' | 'title' | 'method' | 'contestants' | 'bars'>> &
 *   { subscribers: number, path: string, events: number, times: number }} variant
 * @returns {Scenario}
 */
function scenario({ subscribers, path, events, times, ...words }) {
  /** Who subscribes to which server: from its first measurement until the last round is over. @type {Map<Server, Subscribers>} */
  const open = new Map()
  return {
    ...words,
    group: 'broadcast',
    cores: 2,
    columns: [
      { key: 'cpuUs', title: 'CPU µs/delivery', digits: 2, spread: true },
      { key: 'perSecond', title: 'deliveries/s', digits: 0, spread: true },
      { key: 'busy', title: 'server busy', digits: 2 },
      { key: 'bytes', title: 'bytes/delivery', digits: 1 },
      { key: 'memoryMib', title: 'server memory, MiB', digits: 0 },
      { key: 'lost', title: 'lost', digits: 0 },
    ],
    comparisons: [
      { to: 'floor', title: 'floor, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
      { to: 'node-http', title: 'node:http, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
      { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
    ],

    async prepare() {
      // Nothing is measured any more, so it does not matter what they say.
      const tidyUp = () => {
        for (const { release } of open.values()) release().catch(() => {})
        open.clear()
      }
      return { env: {}, tidyUp }
    },

    async check(server) {
      const { publish, release } = await openSubscribers(server, subscriberArgs(server, 3))
      await publish('/publish/burst', 7, 2)
      await publish('/publish/turns', 3, 2)
      await release() // which fails unless all are still open
    },

    async measure(server, { seconds: pace }) {
      const shortened = (/** @type {number} */ count) => Math.ceil(count * Math.min(1, pace))
      const subscribed = open.get(server) ?? (await openSubscribers(server, subscriberArgs(server, subscribers)))
      open.set(server, subscribed)
      const before = await restingCpuNs(server.pid)
      const {
        seconds = 0,
        deliveries = 0,
        lost = 0,
        bytes = 0,
      } = await subscribed.publish(path, times === 1 ? shortened(events) : events, shortened(times))
      const cpuNs = (await restingCpuNs(server.pid)) - before
      return {
        cpuUs: cpuNs / 1000 / deliveries,
        perSecond: deliveries / seconds,
        busy: cpuNs / 1e9 / seconds,
        bytes: bytes / deliveries,
        memoryMib: rssAnon(server.pid) / MIB,
        lost,
      }
    },
  }
}

/**
 * What `openSubscribers()` needs to know of a server.
 * @param {Server} server
 * @param {number} count
 */
export function subscriberArgs({ contestant }, count) {
  const event = contestant.name === 'better-sse' ? EVENT_OF_BETTER_SSE : EVENT
  const lead = contestant.name === 'better-sse' ? RETRY.replace(' ', '') : RETRY
  return ['--connections', count, '--event', event, '--lead', lead]
}
