import { items as makeItems } from '../../servers/content.mjs'
import { measureClient, runClient } from '../clients.mjs'
import { digest, expectBody } from '../expect-body.mjs'
import { once } from '../once.mjs'

/** @import { Bar, Comparison, Scenario, Server } from '../types.ts' */

const ITEMS = 1_000_000
const BATCHED = ['node-http-batched', 'uws-batched', 'bun-batched', 'deno-batched']

const expected = once(() => digest(makeItems()))

/** @type {Scenario[]} */
export const itemScenarios = [
  scenario({
    name: 'items',
    title: 'One million items',
    method:
      'A generator yields one million strings of about 12 bytes, one at a time; one keep-alive connection reads the stream ' +
      'to its end. The first comparison says how much dearer an item is than the generator alone (lower is better).',
    contestants:
      'floor bare-generator catzilla catzilla-node express-streaming fastify-streaming hono-streaming uws uws-batched bun ' +
      'bun-batched deno deno-batched node-http node-http-batched fastify hono express',
    comparisons: [
      { to: 'express', title: 'Express, per CPU', as: 'speed', key: 'cpuNs', digits: 1 },
      { to: 'fastify', title: 'Fastify, per CPU', as: 'speed', key: 'cpuNs', digits: 1 },
    ],
    bars: [
      {
        words: '≤ 1.6 × the CPU of the generator alone',
        unit: '×',
        key: 'cpuNs',
        digits: 2,
        against: { to: 'bare-generator', as: 'cost' },
        atMost: 1.6,
      },
      {
        words: "≥ 15 × node:http's pipeline, per CPU",
        unit: '×',
        key: 'cpuNs',
        digits: 1,
        against: { to: 'node-http', as: 'speed' },
        atLeast: 15,
      },
      {
        words: 'level (≥ 0.87 ×) with the best peer whose user batches by hand',
        unit: '×',
        key: 'cpuNs',
        digits: 2,
        against: { to: BATCHED, as: 'speed' },
        atLeast: 0.87, // "Level with" in architecture.md: within 1.15 ×.
      },
    ],
  }),
  scenario({
    name: 'items-async',
    title: 'One million items from an async generator',
    method: 'The same items, from an async generator. The first comparison is with a bare `for await` loop over it.',
    contestants:
      'floor bare-generator catzilla catzilla-node express-streaming bun bun-batched deno deno-batched ' +
      'node-http node-http-batched',
    bars: [
      {
        words: '≤ 1.3 × the CPU of the bare `for await` loop',
        unit: '×',
        key: 'cpuNs',
        digits: 2,
        against: { to: 'bare-generator', as: 'cost' },
        atMost: 1.3,
      },
    ],
  }),
  scenario({
    name: 'items-writer',
    title: 'One million items, `await w.write()` for each',
    method:
      'The same items, written one by one, each write awaited. The first comparison is with the loop that awaits a resolved ' +
      'promise for each.',
    contestants: 'floor bare-generator catzilla catzilla-node express-streaming bun deno node-http',
    bars: [{ words: 'CPU per item ≤ 120 ns', unit: 'ns', key: 'cpuNs', digits: 0, atMost: 120 }],
  }),
  scenario({
    name: 'items-writer-ahead',
    title: 'One million items, `w.write()` without `await`',
    method: 'The same items, all written before the loop gets its turn. Who does that needs memory for the whole body.',
    contestants: 'floor bare-generator catzilla catzilla-node bun node-http',
    bars: [{ words: 'CPU per item ≤ 120 ns', unit: 'ns', key: 'cpuNs', digits: 0, atMost: 120 }],
  }),
]

/**
 * @param {Pick<Scenario, 'name' | 'title' | 'method'> &
 *   { contestants: string, comparisons?: Comparison[], bars: Bar[] }} variant
 * @returns {Scenario}
 */
function scenario({ comparisons = [], ...variant }) {
  const path = `/${variant.name}`
  return {
    ...variant,
    group: 'items',
    cores: 2,
    columns: [
      { key: 'cpuNs', title: 'CPU ns/item', digits: 1, spread: true },
      { key: 'megabytesPerSecond', title: 'MB/s', digits: 0, spread: true },
      { key: 'chunks', title: 'transfer chunks', digits: 0 },
      { key: 'busy', title: 'server busy', digits: 2 },
    ],
    comparisons: [
      { to: 'bare-generator', title: 'cost of the generator alone', as: 'cost', key: 'cpuNs', digits: 2 },
      { to: 'node-http', title: 'node:http, per CPU', as: 'speed', key: 'cpuNs', digits: 2 },
      ...comparisons,
      { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuNs', digits: 2 },
    ],

    async check(server) {
      const { bytes, sha256 } = await expected()
      if (isYardstick(server)) return expectBody(server, path, String(bytes))
      const found = await runClient('drain', server, ['--path', path, '--sha256'])
      if (found.sha256 !== sha256) throw new Error(`${path} has the SHA-256 ${found.sha256}`)
    },

    async measure(server, { seconds }) {
      const payload = (await expected()).bytes
      const bytes = isYardstick(server) ? String(payload).length : payload
      const args = ['--path', path, '--expect-bytes', bytes, '--seconds', seconds / 2]
      const { figures, cpuNs } = await measureClient('drain', server, args)
      const { streams = 0, seconds: wall = 0, chunks = 0 } = figures
      return {
        cpuNs: cpuNs / (streams * ITEMS),
        megabytesPerSecond: isYardstick(server) ? Number.NaN : (streams * bytes) / 1e6 / wall,
        chunks,
        busy: cpuNs / 1e9 / wall,
      }
    },
  }
}

/** @param {Server} server */
function isYardstick({ contestant }) {
  return contestant.role === 'yardstick'
}
