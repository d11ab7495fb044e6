// Measures catzilla, its peers and the raw floor side by side, and prints a Markdown report.
//
//   npm run bench -- [--scenario hello,items,idle] [--contestants a,b] [--rounds 5] [--quick] [--out FILE]
//
// The report goes to stdout (and to --out), progress to stderr.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { buildTools } from './build.mjs'
import { contestants } from './contestants.mjs'
import { describeMachine } from './machine.mjs'
import { parseOptions } from './options.mjs'
import { progress } from './progress.mjs'
import { renderReport } from './report.mjs'
import { scenarios } from './scenarios/index.mjs'
import { runScenario } from './tournament.mjs'

const options = parseOptions(process.argv.slice(2), { scenarios, contestants })

buildTools()
if (options.buildOnly) process.exit()

const machine = describeMachine()
const results = []
for (const scenario of options.scenarios) {
  progress(`${scenario.name}:`)
  const started = performance.now()
  results.push(await runScenario(scenario, options.contestants, options))
  progress(`  took ${Math.round((performance.now() - started) / 1000)} s`)
}

const report = renderReport({ results, machine, options })
process.stdout.write(report)
if (options.out) {
  mkdirSync(dirname(options.out), { recursive: true })
  writeFileSync(options.out, report)
  progress(`written to ${relative(process.cwd(), options.out)}`)
}
