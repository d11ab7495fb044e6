// Results as Markdown.
import { loadAverage, packageVersion } from './machine.mjs'
import { median } from './statistics.mjs'

/** @import { Options } from './options.mjs' */
/** @import { Comparison, Result, Row } from './types.ts' */

/**
 * @param {{ results: Result[], machine: Record<string, string>, options: Options }} input
 * @returns {string}
 */
export function renderReport({ results, machine, options }) {
  return [
    '# Benchmarks',
    `Made by \`${options.command}\` on ${new Date().toISOString().slice(0, 10)}; every figure below is from that one run.`,
    ...(options.quick ? ['**A quick run: it shows that everything works, not how fast it is.**'] : []),
    renderMachine(machine, options),
    METHOD,
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
- BBR as congestion control caps loopback throughput (here by about a factor of two); wall-clock figures of large bodies are
  comparable with each other only.`

/**
 * @param {Record<string, string>} machine
 * @param {Options} options
 */
function renderMachine(machine, { contestants, rounds, pace }) {
  const versions = contestants.flatMap(({ packages = [] }) =>
    packages.map((name) => `${name} ${packageVersion(name) ?? 'not installed'}`),
  )
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

/** @param {Result} result */
function renderResult({ scenario, rows, skipped }) {
  const heading = `## ${scenario.title}\n\n${scenario.method}`
  if (skipped) return `${heading}\n\nSkipped: ${skipped}.`
  const { columns, comparisons } = scenario
  const measured = rows.filter(({ failure }) => failure === undefined)
  const opponents = comparisons.map((comparison) => ({ comparison, opponent: opponentOf(comparison, measured) }))
  const titles = [
    '',
    ...columns.map(({ title }) => title),
    ...opponents.map(({ comparison, opponent }) =>
      comparison.to === 'best-peer' && opponent
        ? `${comparison.title} (${opponent.contestant.label})`
        : comparison.title,
    ),
  ]
  const cellsOf = (/** @type {Row} */ row) => {
    if (row.failure !== undefined) return [row.failure.stage, ...Array(titles.length - 2).fill('–')]
    return [
      ...columns.map(({ key, digits, spread }) => formatSamples(figures(row, key), digits, spread)),
      ...opponents.map(({ comparison, opponent }) => (opponent ? compare(row, opponent, comparison) : '–')),
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
  ].join('\n')
}

/**
 * @param {Comparison} comparison
 * @param {Row[]} measured
 * @returns {Row | undefined}
 */
function opponentOf({ to, key }, measured) {
  if (to !== 'best-peer') return measured.find(({ contestant }) => contestant.name === to)
  const peers = measured.filter(({ contestant }) => contestant.role === 'peer')
  const costs = peers.map((row) => median(figures(row, key)))
  return peers[costs.indexOf(Math.min(...costs))]
}

/**
 * Round by round, so that a slow minute of the machine, which hits both, cancels out.
 * @param {Row} row
 * @param {Row} opponent
 * @param {Comparison} comparison
 */
function compare(row, opponent, { key, as, digits }) {
  const theirs = figures(opponent, key)
  const perRound = figures(row, key).map((own, round) => {
    const other = /** @type {number} */ (theirs[round])
    return { speed: other / own, cost: own / other, difference: own - other }[as]
  })
  const text = formatNumber(median(perRound), digits)
  return as === 'difference' ? text : `${text} ×`
}

/**
 * @param {Row} row
 * @param {string} key
 */
function figures(row, key) {
  return row.samples.map((sample) => /** @type {number} */ (sample[key]))
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

/**
 * NaN stands for a figure that does not exist.
 * @param {number} value
 * @param {number} digits
 */
function formatNumber(value, digits) {
  if (Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
