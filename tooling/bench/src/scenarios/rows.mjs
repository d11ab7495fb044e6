import { csvRows, jsonRows, ROWS } from '../../servers/rows-content.mjs'
import { measureClient, runClient } from '../clients.mjs'
import { digest } from '../expect-body.mjs'
import { peakMemory } from '../memory.mjs'
import { once } from '../once.mjs'

/** @import { Bar, Scenario } from '../types.ts' */

/** @type {Scenario[]} */
export const rowScenarios = [
  scenario({
    name: 'csv-rows',
    title: 'One million rows as CSV',
    words: 'CSV by RFC 4180',
    source: csvRows,
    contestants:
      'catzilla-rows express-rows rows-csv-stringify rows-fast-csv rows-papaparse rows-csv-by-hand rows-uws rows-deno',
    byHand: ['rows-csv-by-hand', 'rows-uws'],
    bars: [
      faster('rows-csv-stringify', 'csv-stringify', 10),
      faster('rows-fast-csv', 'fast-csv', 8),
      faster('rows-papaparse', 'papaparse per batch', 2.5),
      faster(['rows-csv-by-hand', 'rows-uws'], 'the best Node peer joined by hand', 1),
      { ...faster('rows-csv-stringify', 'csv-stringify, inside Express', 10), contestant: 'express-rows' },
      { ...faster('rows-csv-by-hand', 'node:http joined by hand, inside Express', 1), contestant: 'express-rows' },
    ],
  }),
  scenario({
    name: 'json-rows',
    title: 'One million rows as JSON lines',
    words: 'JSON lines',
    source: jsonRows,
    contestants: 'catzilla-rows express-rows rows-json-readable rows-json-by-hand rows-uws rows-deno',
    byHand: ['rows-json-by-hand', 'rows-uws'],
    bars: [
      faster(['rows-json-by-hand', 'rows-uws'], 'the best Node peer joined by hand', 2),
      { ...faster('rows-json-by-hand', 'node:http joined by hand, inside Express', 1), contestant: 'express-rows' },
    ],
  }),
]

/**
 * @param {string | string[]} to
 * @param {string} whom
 * @param {number} atLeast
 * @returns {Bar}
 */
function faster(to, whom, atLeast) {
  const words = `≥ ${atLeast} × the rate of ${whom}, per CPU`
  return {
    contestant: 'catzilla-rows',
    words,
    unit: '×',
    key: 'cpuNs',
    digits: 2,
    against: { to, as: 'speed' },
    atLeast,
  }
}

/**
 * @param {Pick<Scenario, 'name' | 'title'> & { words: string, source: () => Iterable<string>, contestants: string,
 *   byHand: string[], bars: Bar[] }} variant
 * @returns {Scenario}
 */
function scenario({ words, source, byHand, ...variant }) {
  const path = `/${variant.name}`
  const expected = once(() => digest(source()))
  return {
    ...variant,
    group: 'rows',
    cores: 2,
    method:
      `A generator yields one million objects {id, name, value, ok}; the server sends them as ${words}, and one keep-alive ` +
      'connection reads the stream to its end. Every body is the same to the byte. Peers are written as their users write them; ' +
      'by hand means templates or `JSON.stringify`, joined to strings of 64 KiB. The first comparison is with the best of those.',
    columns: [
      { key: 'cpuNs', title: 'CPU ns/row', digits: 0, spread: true },
      { key: 'rowsPerSecond', title: 'million rows/s', digits: 2, spread: true },
      { key: 'megabytesPerSecond', title: 'MB/s', digits: 0 },
      { key: 'peakMegabytes', title: 'most memory, MB', digits: 0 },
    ],
    comparisons: [
      { to: byHand, title: 'by hand on Node, per CPU', as: 'speed', key: 'cpuNs', digits: 2 },
      { to: 'rows-deno', title: 'Deno by hand, per CPU', as: 'speed', key: 'cpuNs', digits: 2 },
    ],

    async check(server) {
      const { sha256 } = await expected()
      const found = await runClient('drain', server, ['--path', path, '--sha256'])
      if (found.sha256 !== sha256) throw new Error(`${path} has the SHA-256 ${found.sha256}`)
    },

    async measure(server, { seconds }) {
      const { bytes } = await expected()
      const args = ['--path', path, '--expect-bytes', bytes, '--seconds', seconds / 2]
      const { figures, cpuNs } = await measureClient('drain', server, args)
      const { streams = 0, seconds: wall = 0 } = figures
      return {
        cpuNs: cpuNs / (streams * ROWS),
        rowsPerSecond: (streams * ROWS) / 1e6 / wall,
        megabytesPerSecond: (streams * bytes) / 1e6 / wall,
        peakMegabytes: peakMemory(server.pid) / 1e6,
      }
    },
  }
}
