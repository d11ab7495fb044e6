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
export async function runScenario(scenario, contestants, { rounds, pace }) {
  if (coreCount < scenario.cores) return { scenario, rows: [], skipped: `needs ${scenario.cores} cores` }
  const admitted = contestants.filter(({ only }) => only === undefined || only.includes(scenario.group))
  /** @type {Row[]} */
  const rows = admitted.map((contestant) => ({ contestant, samples: [] }))
  /** @type {Map<Row, Server>} */
  const servers = new Map()
  try {
    for (const row of rows) await attempt(row, 'did not load', () => start(row))
    for (const row of rows) await attempt(row, 'answered wrongly', () => scenario.check(serverOf(row)))
    for (let i = 0; i < WARM_UP_ROUNDS; i++) {
      for (const row of rows) await attempt(row, 'failed', () => scenario.measure(serverOf(row), pace))
    }
    for (let round = 0; round < rounds; round++) {
      progress(`  round ${round + 1} of ${rounds}`)
      for (const row of rotated(rows, round)) {
        await attempt(row, 'failed', async () => {
          row.samples.push(await scenario.measure(serverOf(row), pace))
        })
      }
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
  return { scenario, rows }

  /**
   * A contestant that fails once is out, and its row says why; the others go on.
   * @param {Row} row
   * @param {NonNullable<Row['failure']>['stage']} stage what it means if `step` throws
   * @param {() => Promise<unknown>} step
   */
  async function attempt(row, stage, step) {
    if (row.failure !== undefined) return
    try {
      await step()
    } catch (error) {
      // A server that crashed knows better why than the client that lost it.
      const cause = await servers.get(row)?.causeOfDeath()
      row.failure = { stage, reason: cause ?? (error instanceof Error ? error.message : String(error)) }
      progress(`  ${row.contestant.name} ${stage}: ${row.failure.reason}`)
    }
  }

  /** @param {Row} row */
  async function start(row) {
    servers.set(row, await startServer(row.contestant, SERVER_CORE))
  }

  /** @param {Row} row */
  function serverOf(row) {
    return /** @type {Server} */ (servers.get(row))
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
