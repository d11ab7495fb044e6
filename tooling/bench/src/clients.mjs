// The C++ clients, as functions. Each measures from outside of the server and checks every answer that it counts.
import { toolPath } from './build.mjs'
import { runPinned, startPinned } from './child.mjs'
import { CLIENT_CORE } from './cores.mjs'
import { restingCpuNs } from './cpu-time.mjs'

/** @import { Tool } from './build.mjs' */
/** @import { Sample, Server } from './types.ts' */

const DEADLINE_SECONDS = 60
/** Of clients that are there for a whole scenario. */
const SCENARIO_SECONDS = 600

/**
 * @param {Tool} tool
 * @param {Server} server
 * @param {(string | number)[]} args
 * @param {number} [core]
 * @returns {Promise<Record<string, number> & { sha256?: unknown }>}
 */
export async function runClient(tool, server, args, core = CLIENT_CORE) {
  return JSON.parse(await runPinned(commandOf(tool, server, args), { core, seconds: DEADLINE_SECONDS + 5 }))
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

/**
 * Opens streams and holds them until `release()`, which throws if one of them has broken off by then.
 * @param {Server} server
 * @param {(string | number)[]} args
 * @returns {Promise<{ figures: Sample, release: () => Promise<void> }>}
 */
export async function holdStreams(server, args) {
  const options = { core: CLIENT_CORE, seconds: DEADLINE_SECONDS + 5 }
  const { line, end } = startPinned(commandOf('hold', server, args), options)
  const figures = JSON.parse(await line())
  return {
    figures,
    async release() {
      end()
      await line()
    },
  }
}

/**
 * Opens streams that wait for what is published, until `release()`, which throws if one of them has broken off by then.
 * @param {Server} server
 * @param {(string | number)[]} args
 * @param {{ core?: number, seconds?: number }} [options] `seconds`: the bound
 * @returns {Promise<Subscribers>}
 */
export async function openSubscribers(server, args, { core = CLIENT_CORE, seconds = SCENARIO_SECONDS } = {}) {
  const command = commandOf('subscribe', server, args, seconds)
  const { say, line, end } = startPinned(command, { core, seconds: seconds + 5 })
  const opened = JSON.parse(await line())
  return {
    opened,
    async publish(path, events, times) {
      say(`${path} ${events} ${times}`)
      return JSON.parse(await line())
    },
    async release() {
      end()
      await line()
    },
  }
}

/**
 * @typedef {object} Subscribers
 * @property {Sample} opened
 * @property {(path: string, events: number, times: number) => Promise<Sample>} publish has so many events published so many times,
 *   and waits each time until they are everywhere
 * @property {() => Promise<void>} release
 */

/**
 * @param {Tool} tool
 * @param {Server} server
 * @param {(string | number)[]} args
 * @param {number} [deadline] seconds
 */
function commandOf(tool, server, args, deadline = DEADLINE_SECONDS) {
  return [toolPath(tool), '--port', server.port, '--deadline', deadline, ...args].map(String)
}
