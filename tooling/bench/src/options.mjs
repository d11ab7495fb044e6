import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchFolder } from './build.mjs'

/** @import { Contestant, Pace, Scenario } from './types.ts' */

/**
 * @typedef {object} Options
 * @property {Scenario[]} scenarios
 * @property {Contestant[]} contestants
 * @property {number} rounds
 * @property {Pace} pace
 * @property {boolean} quick
 * @property {string | undefined} out
 * @property {boolean} buildOnly
 * @property {string} command what was called, to do it again
 */

const REPORT = join(benchFolder, '../../docs/benchmarks.md')

/** @type {Pace} */
const FULL_PACE = { seconds: 1, requests: 4000, streams: 19_000, restMs: 15_000 }
/** @type {Pace} */
const QUICK_PACE = { seconds: 0.3, requests: 1000, streams: 4000, restMs: 200 }

const USAGE = `usage: npm run bench -- [options]
  --scenario NAME,…     scenarios or groups of them; default: all
  --contestants NAME,…  default: all
  --rounds N            measurements of each contestant; default 5, with --quick 2
  --quick               short measurements: shows that all works, not how fast it is
  --out FILE            also write the report there; a run of everything writes docs/benchmarks.md
  --build               compile the C++ tools and leave
  --list                print the names and leave`

/**
 * @param {string[]} args
 * @param {{ scenarios: Scenario[], contestants: Contestant[] }} known
 * @returns {Options}
 */
export function parseOptions(args, known) {
  const values = parse(args)
  if (values.help) leave(USAGE, 0)
  if (values.list) leave(list(known), 0)
  const quick = values.quick ?? false
  const whole = !quick && values.scenario === undefined && values.contestants === undefined
  const rounds = Number(values.rounds ?? (quick ? 2 : 5))
  if (!Number.isInteger(rounds) || rounds < 1)
    leave(`--rounds must be a whole number above 0 (got ${values.rounds})`, 2)
  return {
    scenarios: select(known.scenarios, values.scenario, (scenario) => [scenario.name, scenario.group]),
    contestants: select(known.contestants, values.contestants, (contestant) => [contestant.name]),
    rounds,
    pace: quick ? QUICK_PACE : FULL_PACE,
    quick,
    out: values.out ?? (whole ? REPORT : undefined),
    buildOnly: values.build ?? false,
    command: commandOf(values),
  }
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        scenario: { type: 'string' },
        contestants: { type: 'string' },
        rounds: { type: 'string' },
        quick: { type: 'boolean' },
        out: { type: 'string' },
        build: { type: 'boolean' },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    return leave(`${error instanceof Error ? error.message : error}\n${USAGE}`, 2)
  }
}

/**
 * Without `--out`: where the report went does not belong into it.
 * @param {Record<string, string | boolean | undefined>} values
 */
function commandOf({ out: _out, ...values }) {
  const flags = Object.entries(values).map(([name, value]) => (value === true ? ` --${name}` : ` --${name} ${value}`))
  return flags.length === 0 ? 'npm run bench' : `npm run bench --${flags.join('')}`
}

/**
 * @template T
 * @param {T[]} all
 * @param {string | undefined} wanted
 * @param {(item: T) => string[]} namesOf
 * @returns {T[]}
 */
function select(all, wanted, namesOf) {
  if (wanted === undefined) return all
  const names = wanted.split(',')
  for (const name of names) {
    if (!all.some((item) => namesOf(item).includes(name))) {
      leave(`unknown name "${name}"; known: ${all.map((item) => namesOf(item)[0]).join(', ')}`, 2)
    }
  }
  return all.filter((item) => namesOf(item).some((name) => names.includes(name)))
}

/** @param {{ scenarios: Scenario[], contestants: Contestant[] }} known */
function list({ scenarios, contestants }) {
  const lines = ['scenarios:', ...scenarios.map(({ name, title }) => `  ${name.padEnd(24)}${title}`)]
  return [...lines, 'contestants:', ...contestants.map(({ name, label }) => `  ${name.padEnd(24)}${label}`)].join('\n')
}

/**
 * @param {string} text
 * @param {number} status
 * @returns {never}
 */
function leave(text, status) {
  if (status === 0) console.log(text)
  else console.error(text)
  process.exit(status)
}
