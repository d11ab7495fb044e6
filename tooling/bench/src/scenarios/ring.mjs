// The ring alone: no HTTP, so nobody but itself, memcpy and postMessage take part, all within one measurement.
import { CLIENT_CORE, SERVER_CORE } from '../cores.mjs'

/** @import { Scenario, Server } from '../types.ts' */

const prepare = async () => ({ env: { CORES: `${SERVER_CORE},${CLIENT_CORE}` }, tidyUp: () => {} })

/** @type {Scenario[]} */
export const ringScenarios = [
  {
    name: 'ring-cpp',
    group: 'ring',
    title: 'The ring, C++ face',
    method:
      'Records of 16 bytes, published and released by 64, and blocks of 64 KiB, on one thread (a ring of 256 KiB), and from ' +
      'one to another that spin on a core each (1 MiB). What comes out is copied once more. memcpy copies a block from one place to another.',
    cores: 2,
    contestants: 'ring',
    prepare,
    columns: [
      { key: 'same16Ns', title: '16 bytes, one thread: ns', digits: 2, spread: true },
      { key: 'two16Ns', title: 'two threads: ns', digits: 2, spread: true },
      { key: 'same64GBs', title: '64 KiB, one thread: GB/s', digits: 1, spread: true },
      { key: 'two64GBs', title: 'two threads: GB/s', digits: 1, spread: true },
      { key: 'memcpyGBs', title: 'memcpy: GB/s', digits: 1, spread: true },
      { key: 'sameRatio', title: 'one thread ÷ memcpy', digits: 2 },
      { key: 'twoRatio', title: 'two threads ÷ memcpy', digits: 2 },
    ],
    comparisons: [],
    bars: [
      { contestant: 'ring', words: '16 bytes on one thread ≤ 5 ns', unit: 'ns', key: 'same16Ns', digits: 2, atMost: 5 },
      {
        contestant: 'ring',
        words: '16 bytes across threads ≤ 25 ns',
        unit: 'ns',
        key: 'two16Ns',
        digits: 2,
        atMost: 25,
      },
      {
        contestant: 'ring',
        words: '64 KiB ≥ 0.4 of memcpy on one thread',
        unit: '×',
        key: 'sameRatio',
        digits: 2,
        atLeast: 0.4,
      },
      {
        contestant: 'ring',
        words: '64 KiB ≥ 0.2 of memcpy across threads',
        unit: '×',
        key: 'twoRatio',
        digits: 2,
        atLeast: 0.2,
      },
    ],
    check: async (server) => void (await figuresOf(server, '/cpp', 0.01)),
    async measure(server, { seconds }) {
      const figures = await figuresOf(server, '/cpp', seconds)
      const { same64GBs = 0, two64GBs = 0, memcpyGBs = 0 } = figures
      return { ...figures, sameRatio: same64GBs / memcpyGBs, twoRatio: two64GBs / memcpyGBs }
    },
  },
  {
    name: 'ring-ts',
    group: 'ring',
    title: 'The ring, TypeScript face',
    method:
      'Records of 64 bytes from a worker to the main thread: published by 64 into a ring of 1 MiB, both sides sleeping with ' +
      '`Atomics`; and by `postMessage`, one message each.',
    cores: 2,
    contestants: 'ring',
    prepare,
    columns: [
      { key: 'ringNs', title: 'ring, ns/record', digits: 0, spread: true },
      { key: 'postNs', title: 'postMessage, ns/record', digits: 0, spread: true },
      { key: 'ratio', title: 'postMessage ÷ ring', digits: 1, spread: true },
    ],
    comparisons: [],
    bars: [{ contestant: 'ring', words: '≥ 10 × postMessage', unit: '×', key: 'ratio', digits: 1, atLeast: 10 }],
    check: async (server) => void (await figuresOf(server, '/ts', 0.01)),
    measure: (server, { seconds }) => figuresOf(server, '/ts', seconds),
  },
]

/**
 * @param {Server} server
 * @param {string} path
 * @param {number} seconds
 * @returns {Promise<Record<string, number>>}
 */
async function figuresOf({ port }, path, seconds) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}?seconds=${seconds}`)
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`)
  return /** @type {Record<string, number>} */ (await answer.json())
}
