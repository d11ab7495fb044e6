import { setTimeout as sleep } from 'node:timers/promises'
import { LINE } from '../../servers/content.mjs'
import { holdStreams } from '../clients.mjs'
import { cpuNs } from '../cpu-time.mjs'
import { restingMemory, sendQueues } from '../memory.mjs'

/** @import { Scenario } from '../types.ts' */

const STREAMS = 20
const WARM_UP_STREAMS = 4
const WARM_UP_LINES = 200_000
const SETTLE_MS = 1000
const WATCH_MS = 1000
const KIB = 1024
const MIB = 1024 * 1024

const ARGS = ['--path', '/endless', '--repeats', LINE]

/** @type {Scenario} */
export const stalled = {
  name: 'stalled',
  group: 'stalled',
  title: 'Stalled readers',
  method:
    `${STREAMS} clients ask for a stream that never ends, and read nothing; before, ${WARM_UP_STREAMS} others have read some ` +
    `megabytes of it and left. After ${SETTLE_MS / 1000} s: growth of the ` +
    "process's `RssAnon` between two garbage collections, what the kernel has queued for these readers (`tx_queue` in " +
    '`/proc/net/tcp`), and what the server still works. Then the clients look at what they got: it must be the stream. ' +
    'A new process for each measurement.',
  cores: 2,
  contestants: 'floor catzilla catzilla-node uws bun deno node-http node-http-batched',
  restarts: true,
  mostRounds: 2,
  columns: [
    { key: 'memoryMib', title: 'server memory, MiB', digits: 2, spread: true },
    { key: 'queueKib', title: 'largest send queue, KiB', digits: 0, spread: true },
    { key: 'queuesMib', title: 'all send queues, MiB', digits: 1 },
    { key: 'cpuMs', title: 'CPU ms in a second', digits: 1 },
  ],
  comparisons: [],
  bars: [
    { words: 'server memory < 8 MiB', unit: 'MiB', key: 'memoryMib', digits: 2, below: 8 },
    {
      words: 'kernel send queue bounded: ≤ 512 KiB a stream',
      unit: 'KiB',
      key: 'queueKib',
      digits: 0,
      atMost: 512,
    },
  ],

  async check(server) {
    await (await holdStreams(server, ['--connections', 2, ...ARGS, '--min-repeats', 1000])).release()
  },

  async measure(server) {
    await (
      await holdStreams(server, ['--connections', WARM_UP_STREAMS, ...ARGS, '--min-repeats', WARM_UP_LINES])
    ).release()
    await sleep(200) // until the server has noticed that they left
    const before = await restingMemory(server)
    const { release } = await holdStreams(server, ['--connections', STREAMS, '--unread', ...ARGS])
    await sleep(SETTLE_MS)
    const cpuBefore = cpuNs(server.pid)
    await sleep(WATCH_MS)
    const cpuMs = (cpuNs(server.pid) - cpuBefore) / 1e6 / (WATCH_MS / 1000)
    const queues = sendQueues(server.port)
    if (queues.length !== STREAMS) throw new Error(`${queues.length} of ${STREAMS} connections are open`)
    const after = await restingMemory(server)
    await release()
    return {
      memoryMib: (after.rssAnon - before.rssAnon) / MIB,
      queueKib: Math.max(...queues) / KIB,
      queuesMib: queues.reduce((sum, bytes) => sum + bytes, 0) / MIB,
      cpuMs,
    }
  },
}
