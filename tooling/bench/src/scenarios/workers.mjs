// Generators in workers: what they cost the loop's thread, and what others on that loop notice of them.
import { items as makeItems, HELLO } from '../../servers/content.mjs'
import { holdStreams, measureClient, runClient } from '../clients.mjs'
import { CLIENT_CORE, SERVER_CORE } from '../cores.mjs'
import { loopCpuNs, restingCpuNs } from '../cpu-time.mjs'
import { digest, expectBody } from '../expect-body.mjs'
import { once } from '../once.mjs'

/** @import { Scenario } from '../types.ts' */

const ITEMS = 1_000_000
const expected = once(() => digest(makeItems()))
const prepare = async () => ({ env: { CORES: `${SERVER_CORE},${CLIENT_CORE}` }, tidyUp: () => {} })

/** @type {Scenario[]} */
export const workerScenarios = [
  {
    name: 'items-worker',
    group: 'workers',
    title: 'One million items from a worker',
    method:
      'As "One million items", with the generator in a worker thread. What counts is the CPU time of the thread that runs the loop; ' +
      'the floor sends the same bytes from one thread, with nothing to produce. The server may use both cores.',
    cores: 2,
    contestants: 'floor workers workers-node node-http-worker',
    prepare,
    columns: [
      { key: 'loopNs', title: "loop's CPU ns/item", digits: 1, spread: true },
      { key: 'cpuNs', title: 'CPU ns/item, all threads', digits: 1 },
      { key: 'megabytesPerSecond', title: 'MB/s', digits: 0, spread: true },
      { key: 'chunks', title: 'transfer chunks', digits: 0 },
    ],
    comparisons: [
      { to: 'floor', title: 'more than the floor, ns', as: 'difference', key: 'loopNs', digits: 1 },
      { to: 'node-http-worker', title: 'by hand, per CPU of the loop', as: 'speed', key: 'loopNs', digits: 2 },
    ],
    bars: [
      {
        contestant: 'workers',
        words: 'CPU on the loop thread ≤ 10 ns an item',
        unit: 'ns',
        key: 'loopNs',
        digits: 1,
        atMost: 10,
      },
    ],

    async check(server) {
      const { sha256 } = await expected()
      const found = await runClient('drain', server, ['--path', '/items', '--sha256'])
      if (found.sha256 !== sha256) throw new Error(`/items has the SHA-256 ${found.sha256}`)
    },

    async measure(server, { seconds }) {
      const { bytes } = await expected()
      await restingCpuNs(server.pid)
      const before = loopCpuNs(server.pid)
      const args = ['--path', '/items', '--expect-bytes', bytes, '--seconds', seconds / 2]
      const { figures, cpuNs } = await measureClient('drain', server, args)
      const loop = loopCpuNs(server.pid) - before
      const { streams = 0, seconds: wall = 0, chunks = 0 } = figures
      return {
        loopNs: loop / (streams * ITEMS),
        cpuNs: cpuNs / (streams * ITEMS),
        megabytesPerSecond: (streams * bytes) / 1e6 / wall,
        chunks,
      }
    },
  },
  {
    name: 'busy-worker',
    group: 'workers',
    title: 'Requests beside a generator that computes',
    method:
      'Hello requests on 8 connections, without and with a stream whose generator computes for 10 ms for each item, in a worker of the ' +
      'same server, which may use both cores; the client takes what is left of one.',
    cores: 2,
    contestants: 'workers workers-node node-http-worker',
    prepare,
    columns: [
      { key: 'quietP99Us', title: 'p99 µs without', digits: 0, spread: true },
      { key: 'busyP99Us', title: 'p99 µs with', digits: 0, spread: true },
      { key: 'ratio', title: 'p99, with ÷ without', digits: 2, spread: true },
      { key: 'p50Ratio', title: 'p50, with ÷ without', digits: 2 },
    ],
    comparisons: [],
    bars: [
      { contestant: 'workers', words: 'p99 unchanged within 20 %', unit: '×', key: 'ratio', digits: 2, atMost: 1.2 },
    ],
    check: (server) => expectBody(server, '/hello', HELLO),

    async measure(server, { seconds }) {
      const args = ['--path', '/hello', '--expect-bytes', HELLO.length, '--seconds', seconds / 2, '--connections', 8]
      const quiet = await runClient('load', server, args)
      const { release } = await holdStreams(server, ['--path', '/busy', '--connections', 1])
      const busy = await runClient('load', server, args)
      await release()
      const { p50Us: quietP50 = 0, p99Us: quietP99 = 0 } = quiet
      const { p50Us: busyP50 = 0, p99Us: busyP99 = 0 } = busy
      return { quietP99Us: quietP99, busyP99Us: busyP99, ratio: busyP99 / quietP99, p50Ratio: busyP50 / quietP50 }
    },
  },
]
