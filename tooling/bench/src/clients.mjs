// The C++ clients, as functions. Each measures from outside of the server and checks every answer that it counts.
import { toolPath } from './build.mjs'
import { runPinned } from './child.mjs'
import { CLIENT_CORE } from './cores.mjs'
import { restingCpuNs } from './cpu-time.mjs'

/** @import { Tool } from './build.mjs' */
/** @import { Sample, Server } from './types.ts' */

const DEADLINE_SECONDS = 60

/**
 * @param {Tool} tool
 * @param {Server} server
 * @param {(string | number)[]} args
 * @param {number} [core]
 * @returns {Promise<Record<string, number> & { sha256?: unknown }>}
 */
export async function runClient(tool, server, args, core = CLIENT_CORE) {
  const command = [toolPath(tool), '--port', server.port, '--deadline', DEADLINE_SECONDS, ...args].map(String)
  return JSON.parse(await runPinned(command, { core, seconds: DEADLINE_SECONDS + 5 }))
}

/**
 * `runClient`, with the server's CPU time during it.
 * @param {Tool} tool
 * @param {Server} server
 * @param {(string | number)[]} args
 * @param {number} [core]
 * @returns {Promise<{ figures: Sample, cpuNs: number }>}
 */
export async function measureClient(tool, server, args, core) {
  const before = await restingCpuNs(server.pid)
  const figures = await runClient(tool, server, args, core)
  return { figures, cpuNs: (await restingCpuNs(server.pid)) - before }
}
