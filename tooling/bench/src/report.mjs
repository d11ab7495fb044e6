// Results as Markdown.
import { judge } from './bars.mjs'
import { compared, figures, opponentOf } from './compare.mjs'
import { loadAverage, packageVersion } from './machine.mjs'
import { formatNumber } from './numbers.mjs'
import { median } from './statistics.mjs'

/** @import { Options } from './options.mjs' */
/** @import { Result, Row } from './types.ts' */

/**
 * @param {{ results: Result[], machine: Record<string, string>, options: Options }} input
 * @returns {string}
 */
export function renderReport({ results, machine, options }) {
  return [
    '# Benchmarks',
    `Made by \`${options.command}\` on ${new Date().toISOString().slice(0, 10)}; every figure below is from that one run.`,
    ...(options.quick ? ['**A quick run: it shows that everything works, not how fast it is.**'] : []),
    renderMachine(machine, options, results),
    METHOD,
    ...renderSummary(results),
    ...results.map(renderResult),
  ]
    .join('\n\n')
    .concat('\n')
}

const METHOD = `## How to read it

- Each server is a process of its own on one core, the client another on the second core; loopback only. All contestants of a
  scenario run at the same time, idle but for the one being measured; they take turns within each round, in rotating order.
- Each answer is checked: framing strictly, status, length; the whole payload once before the first round. A contestant that
  does not start, answers wrongly or breaks off stays in the table, with the reason.
- A cell is the median over the rounds, with the range where the rounds matter. A comparison is the median of the comparisons
  within each round. **×** is work per unit of time: 2.0 × means twice as fast.
- CPU is the time that the kernel accounts to all threads of the server process, kernel work included. On loopback the sender
  also pays for the receiver's half of TCP. It is steadier than any time measured outside, so it comes first.
- The floor is a C program that does nothing but send the same bytes: what it costs is the kernel's.
- Contestants use their public API as a user writes it (\`tooling/bench/servers\`), with \`NODE_ENV=production\`.
- A bar is what catzilla set out to reach, in the same run. In brackets: with whom it was compared, where that is not fixed.
  Bun stands in for uWebSockets.js where that does not load.
- BBR as congestion control caps loopback throughput (here by about a factor of two); wall-clock figures of large bodies are
  comparable with each other only.`

/**
 * @param {Record<string, string>} machine
 * @param {Options} options
 * @param {Result[]} results
 */
function renderMachine(machine, { rounds, pace }, results) {
  const took = results.flatMap(({ rows }) => rows.map(({ contestant }) => contestant))
  const packages = new Set(took.flatMap(({ packages = [] }) => packages))
  const versions = [...packages].map((name) => `${name} ${packageVersion(name) ?? 'not installed'}`)
  const facts = {
    ...machine,
    'Load when done': loadAverage(),
    Packages: versions.join(', ') || 'none',
    Rounds: `${rounds}, of ${pace.seconds} s or ${pace.requests} requests`,
  }
  return ['| | |', '| --- | --- |', ...Object.entries(facts).map(([name, value]) => `| ${name} | ${value} |`)].join(
    '\n',
  )
}

/** @param {Result[]} results */
function renderSummary(results) {
  const lines = results.flatMap((result) =>
    judge(result).map(
      ({ words, figure, verdict }) => `| ${result.scenario.title} | ${words} | ${figure} | ${verdict} |`,
    ),
  )
  if (lines.length === 0) return []
  return [['## Bars', '', '| scenario | bar | reached | |', '| --- | --- | --- | --- |', ...lines].join('\n')]
}

/** @param {Result} result */
function renderResult(result) {
  const { scenario, rows, skipped } = result
  const heading = `## ${scenario.title}\n\n${scenario.method}`
  if (skipped) return `${heading}\n\nSkipped: ${skipped}.`
  const { columns, comparisons } = scenario
  const measured = rows.filter(({ failure }) => failure === undefined)
  const opponents = comparisons.map((comparison) => ({ comparison, opponent: opponentOf(comparison, measured) }))
  const titles = [
    '',
    ...columns.map(({ title }) => title),
    ...opponents.map(({ comparison: { title, to }, opponent }) =>
      opponent && opponent.contestant.name !== to ? `${title} (${opponent.contestant.label})` : title,
    ),
  ]
  const cellsOf = (/** @type {Row} */ row) => {
    if (row.failure !== undefined) return [row.failure.stage, ...Array(titles.length - 2).fill('–')]
    return [
      ...columns.map(({ key, digits, spread }) => formatSamples(figures(row, key), digits, spread)),
      ...opponents.map(({ comparison, opponent }) => {
        if (opponent === undefined) return '–'
        const text = formatNumber(compared(row, opponent, comparison), comparison.digits)
        return comparison.as === 'difference' || text === '–' ? text : `${text} ×`
      }),
    ]
  }
  const failures = rows.flatMap(({ contestant, failure }) =>
    failure ? [`- ${contestant.label} ${failure.stage}: ${failure.reason}`] : [],
  )
  return [
    heading,
    '',
    `| ${titles.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(titles.length - 1)}`,
    ...rows.map((row) => `| ${[row.contestant.label, ...cellsOf(row)].join(' | ')} |`),
    ...(failures.length > 0 ? ['', ...failures] : []),
    ...renderBars(result),
  ].join('\n')
}

/** @param {Result} result */
function renderBars(result) {
  const lines = judge(result).map(({ words, figure, verdict }) => `- ${words}: ${figure}, ${verdict}`)
  return lines.length === 0 ? [] : ['', 'Bars:', '', ...lines]
}

/**
 * @param {number[]} values
 * @param {number} digits
 * @param {boolean} [spread]
 */
function formatSamples(values, digits, spread = false) {
  const middle = formatNumber(median(values), digits)
  if (!spread || Number.isNaN(values[0])) return middle
  return `${middle} (${formatNumber(Math.min(...values), digits)}–${formatNumber(Math.max(...values), digits)})`
}
