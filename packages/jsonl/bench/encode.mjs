// What a row costs in JSON lines, before any HTTP: against JSON.stringify, a template written for the row, and a compiled serializer.
// Run after a build: `node packages/jsonl/bench/encode.mjs [rows] [rounds]`.
import { cpus } from 'node:os'
import fastJson from 'fast-json-stringify'
import { jsonl } from '../dist/index.js'

const ROWS = Number(process.argv[2] ?? 200_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const request = { method: 'GET', url: '/', headers: { get: () => null }, signal: new AbortController().signal }

const list = (make) => Array.from({ length: ROWS }, (_, i) => make(i))
const tables = {
  'flat: 2 numbers, a short text, a boolean': list((i) => ({
    id: i,
    name: `customer ${i}`,
    value: ((i * 7919) % 1_000_000) / 100,
    ok: i % 2 === 0,
  })),
  'with an object and a list': list((i) => ({
    id: i,
    customer: { name: 'Müller', city: 'Köln' },
    items: ['tea', 'cup', 'pot'],
  })),
  'long: one text of 1000 characters': list((i) => ({ id: i, text: 'lorem ipsum '.repeat(83) })),
}

const wire = Buffer.allocUnsafe(1 << 20)

/** Rows as they come from a source that has them at hand: `open()` gives what the pump reads. */
function batches(options) {
  return (rows) => {
    const { source, encoder } = jsonl(rows, options).open(request)
    source.attach({ stop() {} })
    let bytes = 0
    for (let result; !(result = source.next()).done;) bytes += encoder.encode(result.value).length
    return bytes
  }
}

function texts(write) {
  return (rows) => {
    let text = ''
    for (const row of rows) {
      text += write(row)
      if (text.length > 32_768) text = flush(text)
    }
    flush(text)
  }
}

function flush(text) {
  wire.utf8Write(text, 0)
  return ''
}

const compiled = fastJson({
  type: 'object',
  properties: { id: { type: 'integer' }, name: { type: 'string' }, value: { type: 'number' }, ok: { type: 'boolean' } },
})

const writers = {
  'JSON.stringify': texts((row) => `${JSON.stringify(row)}\n`),
  'a template for the row': texts(
    (row) => `{"id":${row.id},"name":${JSON.stringify(row.name)},"value":${row.value},"ok":${row.ok}}\n`,
  ),
  'fast-json-stringify': texts((row) => `${compiled(row)}\n`),
  'jsonl()': batches(),
  "jsonl({ frame: 'array' })": batches({ frame: 'array' }),
  'jsonl({ serialize: fast-json-stringify })': batches({ serialize: compiled }),
  'jsonl(), rows one by one': (rows) => {
    const { encoder } = jsonl([], {}).open(request)
    texts((row) => encoder.encode(row))(rows)
  },
}

console.log(
  `${cpus()[0].model}, Node ${process.version}; ${ROWS} rows, median of ${ROUNDS} interleaved rounds (min – max)`,
)
for (const [table, rows] of Object.entries(tables)) {
  console.log(`\n${table}`)
  const flat = table.startsWith('flat')
  const named = Object.entries(writers).filter(([name]) => flat || !/template|fast-json/.test(name))
  const times = Object.fromEntries(named.map(([name]) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, writer] of named) {
      const start = process.cpuUsage()
      writer(rows)
      const { user, system } = process.cpuUsage(start)
      if (round > 0) times[name].push(((user + system) * 1000) / ROWS) // The first round warms up.
    }
  }
  for (const [name, values] of Object.entries(times)) print(name, values)
}

function print(name, values) {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, median, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((ns) => ns.toFixed(0))
  console.log(`  ${name.padEnd(44)} ${median.padStart(6)} ns of CPU a row (${low} – ${high})`)
}
