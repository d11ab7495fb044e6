// Makes docs/hosts.md from a run of the stream contract on every host.
//   npm run hosts                                     run the contract, write the file
//   node tooling/scripts/hosts-doc.mjs --from FILE    from the JSON report of a run of all tests
//   … --check                                         only say whether the file is current
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../shared/workspace.mjs'

/** The hosts in the order of the columns: the name in the suite, and the one over the column. */
const HOSTS = [
  ['the native transport', 'catzilla native'],
  ['the native transport, two workers', 'catzilla, 2 workers'],
  ['the node transport', 'catzilla on node:http'],
  ['node:http', 'node:http'],
  ['node:http2, compatibility API', 'http2 compat'],
  ['node:http2, streams', 'http2 streams'],
  ['Express 4', 'Express 4'],
  ['Express 5', 'Express 5'],
  ['Fastify', 'Fastify 5'],
  ['Koa', 'Koa 3'],
  ['Hono', 'Hono'],
  ['web Response', 'fetch'],
]
const SUITE = 'stream contract on '
const target = join(root, 'docs/hosts.md')

const { from, check } = parseArguments(process.argv.slice(2))
const cases = casesOf(JSON.parse(readFileSync(from ?? runContract(), 'utf8')))
const text = documentOf(cases)
if (!check) {
  writeFileSync(target, text)
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('docs/hosts.md is not what this run has shown: npm run hosts writes it anew')
  process.exit(1)
}

function parseArguments(args) {
  const index = args.indexOf('--from')
  return { from: index === -1 ? undefined : args[index + 1], check: args.includes('--check') }
}

/** Runs the contract alone, and gives the file with its report. */
function runContract() {
  const dir = mkdtempSync(join(tmpdir(), 'catzilla-hosts-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const report = join(dir, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/contract', ...reporters], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
  return report
}

/** Every case with what each host made of it: `true`, or the reason why the host cannot. */
function casesOf({ testResults }) {
  const cases = new Map()
  for (const { assertionResults } of testResults) {
    for (const { ancestorTitles, title, status, meta } of assertionResults) {
      const [suite, , chapter] = ancestorTitles
      if (!suite?.startsWith(SUITE)) continue
      if (status !== 'passed') throw new Error(`${suite}: "${title}" has ${status}`)
      const name = title.replace(/ \[not on this host: .*\]$/, '')
      const key = `${chapter}\n${name}`
      const entry = cases.get(key) ?? { chapter, name, on: {} }
      entry.on[suite.slice(SUITE.length)] = meta.lack ?? true
      cases.set(key, entry)
    }
  }
  return [...cases.values()]
}

function documentOf(cases) {
  for (const [name] of HOSTS) {
    if (!cases.every(({ on }) => name in on)) throw new Error(`the contract was not run, or not all of it, on ${name}`)
  }
  const chapters = [...new Set(cases.map(({ chapter }) => chapter))].sort(byNumber)
  const of = (chapter) => cases.filter((each) => each.chapter === chapter)
  return `# Hosts

What holds on which host. Made by \`npm run hosts\` from a run of the stream contract (\`tooling/testkit\`): the same ${cases.length} cases on each,
over real sockets. A number is how many of a chapter's cases were run and passed; the rest are what the host cannot do, listed below with
the reason. Bun and Deno pass a shorter suite (\`packages/streaming/test/runtimes.test.ts\`).

${tableOf(
  ['', ...HOSTS.map(([, label]) => label)],
  chapters.map((chapter) => [chapter, ...countsOf(of(chapter))]),
)}

## What a host cannot do, and why

${lacksOf(cases)}

On two workers, what is listed is what the suite cannot show: there the routes run in another thread than the case. Topics of several threads
have a suite of their own (\`packages/server/test/workers\`).

Half-closed connections need a server with \`httpAllowHalfOpen\`; Node's servers, also under Express, Fastify and Koa, have it off, and then a
client that sends FIN has left.

\`TCP_NOTSENT_LOWAT\`, which bounds what the kernel holds of a stream, is set by the native engine only.

## How each host is told

| host | early failure, before the first item | late failure | client that leaves |
| --- | --- | --- | --- |
| catzilla | answered with 500, or the status that the error names | connection broken; logged as error | logged at info |
| \`node:http\`, \`node:http2\` | \`send()\` rejects | connection broken, or stream reset; \`send()\` resolves | \`send()\` resolves |
| Express 4, 5 | \`next(error)\` | connection broken; \`res.stream()\` resolves, never \`next(error)\` | \`res.stream()\` resolves |
| Fastify 5 | \`onError\` hooks and the error handler | connection broken; logged as warning | logged at info |
| Koa 3 | thrown through the middleware | connection broken; \`app.on('error')\` | nothing |
| Hono | \`app.onError()\` | body errored | nothing |
| fetch | \`toResponse()\` throws or rejects | body errored | nothing |

\`response.after(callback)\` tells how a stream ended on every host, and \`node:diagnostics_channel\` what it did on the way.

## Compression in front

| middleware | |
| --- | --- |
| \`compression\` (Express) | flushed when the source goes quiet |
| \`koa-compress\` | flushed when the source goes quiet |
| \`@fastify/compress\` | cannot flush: \`cache-control: no-transform\` on the response keeps it away |
| \`hono/compress\` | cannot flush: \`cache-control: no-transform\` on the response keeps it away |

Deno warns once that \`request.signal\` also fires after answers that went well; that does no harm here, and \`--unstable-no-legacy-abort\`
ends it.

## All cases

${chapters.map((chapter) => `### ${chapter}\n\n${casesTable(of(chapter))}`).join('\n\n')}
`
}

function countsOf(cases) {
  return HOSTS.map(([name]) => {
    const passed = cases.filter(({ on }) => on[name] === true).length
    return passed === cases.length ? `${passed}` : `${passed} of ${cases.length}`
  })
}

/** For each reason, the hosts that give it and the cases behind it. */
function lacksOf(cases) {
  const lacks = HOSTS.flatMap(([host, label]) => cases.map(({ name, on }) => ({ label, name, reason: on[host] })))
  const rows = [...groupBy(lacks, ({ reason }) => reason)]
    .filter(([reason]) => reason !== true)
    .map(([reason, group]) => [unique(group, 'name').join('; '), reason, unique(group, 'label').join(', ')])
  return tableOf(['what', 'why', 'where'], rows)
}

function unique(items, key) {
  return [...new Set(items.map((item) => item[key]))]
}

function casesTable(cases) {
  const marks = ({ on }) => HOSTS.map(([name]) => (on[name] === true ? '✓' : '–'))
  return tableOf(
    ['', ...HOSTS.map(([, label]) => label)],
    cases.map((each) => [each.name, ...marks(each)]),
  )
}

function tableOf(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function groupBy(items, keyOf) {
  const groups = new Map()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

/** Chapters by the number of their point in the contract; those without one come last. */
function byNumber(a, b) {
  const number = (chapter) => Number.parseInt(chapter, 10) || Infinity
  return number(a) - number(b) || (a < b ? -1 : 1)
}
