// One scenario: all contestants are started and warmed up, then measured in turns, so that what else happens on the machine
// hits all of them alike. The order rotates, as a place in the turn could be a lucky one.
import { SERVER_CORE, coreCount } from './cores.mjs'
import { progress } from './progress.mjs'
import { startServer } from './server-process.mjs'

/** @import { Contestant, Pace, Result, Row, Scenario, Server } from './types.ts' */

/** Enough for the optimising compiler of a JavaScript server; after one, the first byte was still getting faster. */
const WARM_UP_ROUNDS = 2

/**
 * @param {Scenario} scenario
 * @param {Contestant[]} contestants
 * @param {{ rounds: number, pace: Pace }} options
 * @returns {Promise<Result>}
 */
export async function runScenario(scenario, contestants, { rounds: wantedRounds, pace }) {
  if (coreCount < scenario.cores) return { scenario, rows: [], skipped: `needs ${scenario.cores} cores` }
  const half = { ...pace, seconds: pace.seconds / 2, requests: Math.ceil(pace.requests / 2) }
  const names = scenario.contestants === undefined ? undefined : new Set(scenario.contestants.split(' '))
  const admitted = contestants.filter(({ name }) => names?.has(name) ?? true)
  const rounds = Math.min(wantedRounds, scenario.mostRounds ?? Infinity)
  /** @type {Row[]} */
  const rows = admitted.map((contestant) => ({ contestant, samples: [] }))
  /** @type {Map<Row, Server>} */
  const servers = new Map()
  const { env = {}, tidyUp } = (await scenario.prepare?.()) ?? {}
  try {
    if (scenario.restarts) {
      for (let round = 0; round < rounds; round++) {
        progress(`  round ${round + 1} of ${rounds}`)
        for (const row of rotated(rows, round)) await measureFresh(row)
      }
    } else {
      for (const row of rows) await start(row)
      for (const row of rows) await check(row)
      for (let i = 0; i < WARM_UP_ROUNDS; i++) {
        for (const row of rows) await attempt(row, 'failed', (server) => scenario.measure(server, half))
      }
      for (let round = 0; round < rounds; round++) {
        progress(`  round ${round + 1} of ${rounds}`)
        for (const row of rotated(rows, round)) await measure(row)
      }
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
    tidyUp?.()
  }
  return { scenario, rows }

  /** @param {Row} row */
  async function measureFresh(row) {
    await start(row)
    if (row.samples.length === 0) await check(row)
    await measure(row)
    await servers.get(row)?.stop()
    servers.delete(row)
  }

  /** @param {Row} row */
  async function start(row) {
    await attempt(row, 'did not load', async () => {
      servers.set(row, await startServer(row.contestant, { core: SERVER_CORE, env }))
    })
  }

  /** @param {Row} row */
  async function check(row) {
    await attempt(row, 'answered wrongly', (server) => scenario.check(server))
  }

  /** @param {Row} row */
  async function measure(row) {
    await attempt(row, 'failed', async (server) => {
      row.samples.push(await scenario.measure(server, pace))
    })
  }

  /**
   * A contestant that fails once is out, and its row says why; the others go on.
   * @param {Row} row
   * @param {NonNullable<Row['failure']>['stage']} stage what it means if `step` throws
   * @param {(server: Server) => Promise<unknown>} step
   */
  async function attempt(row, stage, step) {
    if (row.failure !== undefined) return
    try {
      await step(/** @type {Server} */ (servers.get(row)))
    } catch (error) {
      // A server that crashed knows better why than the client that lost it.
      const cause = await servers.get(row)?.causeOfDeath()
      row.failure = { stage, reason: cause ?? (error instanceof Error ? error.message : String(error)) }
      progress(`  ${row.contestant.name} ${stage}: ${row.failure.reason}`)
    }
  }
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} by
 * @returns {T[]}
 */
function rotated(list, by) {
  const first = by % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}
