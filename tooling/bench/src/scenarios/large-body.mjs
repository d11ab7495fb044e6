// Bodies so large that only bytes count.
import { measureClient } from '../clients.mjs'

/** @import { Sample, Scenario, Server } from '../types.ts' */

/** @satisfies {Partial<Scenario>} */
export const bytesPerCpu = {
  columns: [
    { key: 'gbPerCpuSecond', title: 'GB per CPU second', digits: 2, spread: true },
    { key: 'gbPerSecond', title: 'GB/s', digits: 2, spread: true },
    { key: 'busy', title: 'server busy', digits: 2 },
  ],
}

/**
 * @param {Server} server
 * @param {string} path
 * @param {number} bytes
 * @param {number} seconds
 * @returns {Promise<Sample>}
 */
export async function measureBytes(server, path, bytes, seconds) {
  const args = ['--path', path, '--expect-bytes', bytes, '--seconds', seconds, '--discard']
  const { figures, cpuNs } = await measureClient('drain', server, args)
  const { streams = 0, seconds: wall = 0 } = figures
  const total = streams * bytes
  return {
    gbPerCpuSecond: total / cpuNs,
    cpuMsPerGb: (cpuNs / total) * 1000,
    gbPerSecond: total / 1e9 / wall,
    busy: cpuNs / 1e9 / wall,
  }
}
