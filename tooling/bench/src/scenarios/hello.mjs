import { HELLO } from '../../servers/content.mjs'
import { measureClient } from '../clients.mjs'
import { expectBody } from '../expect-body.mjs'

/** @import { Scenario } from '../types.ts' */

const CONTESTANTS = 'floor catzilla catzilla-node uws bun deno node-http fastify hono express'

/** @type {Scenario[]} */
export const helloScenarios = [
  scenario({
    name: 'hello',
    title: 'Hello',
    method: 'A text of 13 bytes from a handler; 64 keep-alive connections, one request in flight on each.',
    path: '/hello',
  }),
  scenario({
    name: 'hello-fields',
    title: 'Hello, with a header and a parameter',
    method: 'The same text, made by the handler of a header field of the request and of a parameter in its path.',
    path: '/hello/World',
    headers: { 'X-Greeting': 'Hello' },
  }),
]

/**
 * @param {Pick<Scenario, 'name' | 'title' | 'method'> & { path: string, headers?: Record<string, string> }} variant
 * @returns {Scenario}
 */
function scenario({ path, headers = {}, ...words }) {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
  return {
    ...words,
    group: 'hello',
    cores: 2,
    contestants: CONTESTANTS,
    columns: [
      { key: 'cpuUs', title: 'CPU µs/request', digits: 2, spread: true },
      { key: 'perSecond', title: 'requests/s', digits: 0, spread: true },
      { key: 'p50Us', title: 'p50 µs', digits: 0 },
      { key: 'p99Us', title: 'p99 µs', digits: 0 },
      { key: 'busy', title: 'server busy', digits: 2 },
    ],
    comparisons: [
      { to: 'floor', title: 'floor, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
      { to: 'node-http', title: 'node:http, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
      { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
    ],
    bars: [
      {
        words: "≥ 0.85 of the floor's rate per CPU second",
        unit: '×',
        key: 'cpuUs',
        digits: 2,
        against: { to: 'floor', as: 'speed' },
        atLeast: 0.85,
      },
      {
        words: "≥ uWebSockets.js's rate per CPU second",
        unit: '×',
        key: 'cpuUs',
        digits: 2,
        against: { to: 'uws', standIn: 'bun', as: 'speed' },
        atLeast: 1,
      },
    ],
    check: (server) => expectBody(server, path, HELLO, headers),

    async measure(server, { seconds }) {
      const args = ['--path', path, ...fields, '--expect-bytes', HELLO.length, '--seconds', seconds]
      const { figures, cpuNs } = await measureClient('load', server, [...args, '--connections', 64])
      const { requests = 0, seconds: wall = 0, perSecond = 0, p50Us = 0, p99Us = 0 } = figures
      return { cpuUs: cpuNs / 1000 / requests, perSecond, p50Us, p99Us, busy: cpuNs / 1e9 / wall }
    },
  }
}
