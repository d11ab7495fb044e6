import { createHash } from 'node:crypto'
import { items as makeItems } from '../../servers/content.mjs'
import { measureClient, runClient } from '../clients.mjs'
import { expectBody } from '../expect-body.mjs'

/** @import { Scenario, Server } from '../types.ts' */

const ITEMS = 1_000_000

/** Made once, when first needed. */
const expected = once(() => {
  const hash = createHash('sha256')
  let bytes = 0
  for (const item of makeItems()) {
    hash.update(item)
    bytes += item.length
  }
  return { bytes, sha256: hash.digest('hex') }
})

/** @type {Scenario} */
export const items = {
  name: 'items',
  group: 'items',
  title: 'One million items',
  method:
    'A generator yields one million strings of about 12 bytes, one at a time; one keep-alive connection reads the stream ' +
    'to its end. The first comparison says how much dearer an item is than the generator alone (lower is better).',
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
    { to: 'express', title: 'Express, per CPU', as: 'speed', key: 'cpuNs', digits: 1 },
    { to: 'fastify', title: 'Fastify, per CPU', as: 'speed', key: 'cpuNs', digits: 1 },
    { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuNs', digits: 2 },
  ],

  async check(server) {
    if (isYardstick(server)) return expectBody(server, '/items', String(expected().bytes))
    const { sha256 } = await runClient('drain', server, ['--path', '/items', '--sha256'])
    if (sha256 !== expected().sha256) throw new Error(`/items has the SHA-256 ${sha256}`)
  },

  async measure(server, { seconds }) {
    const bytes = isYardstick(server) ? String(expected().bytes).length : expected().bytes
    const args = ['--path', '/items', '--expect-bytes', bytes, '--seconds', seconds / 2]
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

/** @param {Server} server */
function isYardstick({ contestant }) {
  return contestant.role === 'yardstick'
}

/**
 * @template T
 * @param {() => T} make
 * @returns {() => T}
 */
function once(make) {
  /** @type {{ value: T } | undefined} */
  let made
  return () => (made ??= { value: make() }).value
}
