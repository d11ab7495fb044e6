// Waking an idle core costs more than a whole exchange, so "first byte" is several figures: without that wake-up (one shared
// core, or a client that spins), with it, and with the connection as part of it.
import { measureClient } from '../clients.mjs'
import { CLIENT_CORE, SERVER_CORE } from '../cores.mjs'
import { expectBody } from '../expect-body.mjs'

/** @import { Bar, Scenario } from '../types.ts' */

const QUICKEST = 'floor catzilla catzilla-node uws bun deno node-http'
const ALL = `${QUICKEST} express-streaming fastify-streaming hono-streaming fastify hono express`

/** @type {Bar} */
const likeUws = {
  words: "p50 ≤ uWebSockets.js's",
  unit: '× its p50',
  key: 'p50Us',
  digits: 2,
  against: { to: 'uws', standIn: 'bun', as: 'cost' },
  atMost: 1,
}

/** @type {Scenario[]} */
export const firstByteScenarios = [
  scenario({
    name: 'first-byte-shared',
    title: 'First byte, client and server on one core',
    method: 'Keep-alive, one request after another; the answer is a stream of one small chunk.',
    cores: 1,
    clientCore: SERVER_CORE,
    contestants: ALL,
    bars: [
      aboveFloor({ words: 'p50 ≤ floor + 3 µs', atMost: 3 }),
      { words: 'p50 < 50 µs', unit: 'µs', key: 'p50Us', digits: 1, below: 50 },
    ],
  }),
  scenario({
    name: 'first-byte-spin',
    title: 'First byte, two cores, client never asleep',
    method:
      'The same, with a client that polls its socket: the wake-up of the server is included, that of the client is not.',
    cores: 2,
    clientCore: CLIENT_CORE,
    contestants: QUICKEST,
    bars: [likeUws],
    flags: ['--spin'],
  }),
  scenario({
    name: 'first-byte-sleep',
    title: 'First byte, two cores',
    method: 'The same, with a client that sleeps until the answer comes: both wake-ups are included.',
    cores: 2,
    clientCore: CLIENT_CORE,
    contestants: QUICKEST,
    bars: [likeUws],
  }),
  scenario({
    name: 'first-byte-fresh',
    title: 'First byte of the million items, fresh connection',
    method:
      'From `connect()` to the first item of the long stream below. The client then leaves, and waits 5 ms, so that the ' +
      'server has noticed and stopped; what it produced for nobody until then is in its CPU.',
    cores: 2,
    clientCore: CLIENT_CORE,
    contestants: QUICKEST,
    bars: [aboveFloor({ words: 'p50 ≤ floor + 80 µs', atMost: 80 })],
    flags: ['--fresh', '--abandon', '--pause-us', '5000'],
    path: '/items',
    share: 1 / 20,
  }),
]

/**
 * @param {Required<Pick<Scenario, 'name' | 'title' | 'method' | 'cores' | 'contestants' | 'bars'>> &
 *   { clientCore: number, flags?: string[], path?: string, share?: number }} variant `share`: of the usual number of requests
 * @returns {Scenario}
 */
function scenario({ clientCore, flags = [], path = '/first-byte', share = 1, ...words }) {
  return {
    ...words,
    group: 'first-byte',
    columns: [
      { key: 'p50Us', title: 'p50 µs', digits: 1, spread: true },
      { key: 'p99Us', title: 'p99 µs', digits: 0, spread: true },
      { key: 'cpuUs', title: 'CPU µs/request', digits: 1 },
    ],
    comparisons: [
      { to: 'floor', title: 'p50 above the floor, µs', as: 'difference', key: 'p50Us', digits: 1 },
      { to: 'node-http', title: 'node:http, p50', as: 'speed', key: 'p50Us', digits: 2 },
      { to: 'best-peer', title: 'best peer, p50', as: 'speed', key: 'p50Us', digits: 2 },
    ],
    check: (server) => expectBody(server, '/first-byte', 'first\n'),

    async measure(server, { requests }) {
      const count = Math.ceil(requests * share)
      const warmUp = Math.ceil(count / 10)
      const args = ['--path', path, '--requests', count, '--warm-up', warmUp, ...flags]
      const { figures, cpuNs } = await measureClient('first-byte', server, args, clientCore)
      const { p50Us = 0, p99Us = 0 } = figures
      return { p50Us, p99Us, cpuUs: cpuNs / 1000 / (warmUp + count) }
    },
  }
}

/**
 * @param {{ words: string, atMost: number }} bar
 * @returns {Bar}
 */
function aboveFloor(bar) {
  return { ...bar, unit: 'µs above', key: 'p50Us', digits: 1, against: { to: 'floor', as: 'difference' } }
}
