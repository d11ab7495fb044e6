// What our own contestants must reach, and whether they did.
import { compared, figures, opponentOf } from './compare.mjs'
import { formatNumber } from './numbers.mjs'
import { median } from './statistics.mjs'

/** @import { Bar, Result, Row } from './types.ts' */

/** @typedef {{ words: string, figure: string, verdict: 'met' | '**missed**' | 'not measured' }} Judged */

/**
 * @param {Result} result
 * @returns {Judged[]}
 */
export function judge({ scenario: { bars = [] }, rows }) {
  const measured = rows.filter(({ failure }) => failure === undefined)
  return bars.map((bar) => judgeOne(bar, measured))
}

/**
 * @param {Bar} bar
 * @param {Row[]} measured
 * @returns {Judged}
 */
function judgeOne(bar, measured) {
  const { contestant = 'catzilla', words, unit, key, digits, against } = bar
  const row = measured.find((row) => row.contestant.name === contestant)
  const opponent = against && opponentOf({ ...against, key }, measured)
  if (row === undefined || (against !== undefined && opponent === undefined)) {
    return { words, figure: '–', verdict: 'not measured' }
  }
  const figure = against && opponent ? compared(row, opponent, { ...against, key }) : median(figures(row, key))
  const named = against !== undefined && opponent?.contestant.name !== against.to
  const suffix = named ? ` (${opponent?.contestant.label})` : ''
  const verdict = reaches(bar, figure) ? 'met' : '**missed**'
  return { words, figure: `${formatNumber(figure, digits)} ${unit}${suffix}`, verdict }
}

/**
 * @param {Bar} bar
 * @param {number} figure
 */
function reaches(bar, figure) {
  if ('atLeast' in bar) return figure >= bar.atLeast
  return 'atMost' in bar ? figure <= bar.atMost : figure < bar.below
}
