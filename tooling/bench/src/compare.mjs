// Figures beside other figures.
import { median } from './statistics.mjs'

/** @import { Comparison, Row } from './types.ts' */

/**
 * Who is compared with: of those who were measured.
 * @param {Pick<Comparison, 'to' | 'standIn' | 'key'>} comparison
 * @param {Row[]} measured
 * @returns {Row | undefined}
 */
export function opponentOf({ to, standIn, key }, measured) {
  const wanted = new Set([to].flat())
  const rows = measured.filter(({ contestant: { name, role } }) =>
    to === 'best-peer' ? role === 'peer' : wanted.has(name),
  )
  if (rows.length === 0 && standIn !== undefined) return opponentOf({ to: standIn, key }, measured)
  const costs = rows.map((row) => median(figures(row, key)))
  return rows[costs.indexOf(Math.min(...costs))]
}

/**
 * Round by round, so that a slow minute of the machine, which hits both, cancels out.
 * @param {Row} row
 * @param {Row} opponent
 * @param {Pick<Comparison, 'key' | 'as'>} comparison
 */
export function compared(row, opponent, { key, as }) {
  const theirs = figures(opponent, key)
  const perRound = figures(row, key).map((own, round) => {
    const other = /** @type {number} */ (theirs[round])
    return { speed: other / own, cost: own / other, difference: own - other }[as]
  })
  return median(perRound)
}

/**
 * @param {Row} row
 * @param {string} key
 */
export function figures(row, key) {
  return row.samples.map((sample) => /** @type {number} */ (sample[key]))
}
