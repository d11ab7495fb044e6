// What a row costs as a line of JSON, before any HTTP: the encoder of jsonl() against the bare `JSON.stringify(row) + '\n'`.
// Run after a build: `node packages/jsonl/bench/encode.mjs [rows] [rounds]`.
import { cpus } from 'node:os'
import { jsonl } from '../dist/index.js'

const ROWS = Number(process.argv[2] ?? 200_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const request = { method: 'GET', url: '/', headers: { get: () => null }, signal: new AbortController().signal }
const wire = Buffer.allocUnsafe(1 << 20)

const tables = {
  'a number': (i) => i,
  'a small object': (i) => ({ id: i, name: `customer ${i}`, total: i * 1.5 }),
  'an object of 12 fields': (i) => ({
    id: i,
    name: `customer ${i}`,
    city: 'Amsterdam',
    total: i * 1.5,
    paid: i % 2 === 0,
    code: 'AB-12',
    note: 'first line\nsecond line',
    tags: ['a', 'b'],
    at: '2024-02-29T12:30:00.000Z',
    x: null,
    y: 2,
    z: 3,
  }),
}

const writers = {
  'JSON.stringify(row) and a line feed': () => (row) => JSON.stringify(row) + '\n',
  'jsonl()': () => jsonl([]).open(request).encode,
  'jsonl({ serialize })': () => jsonl([], { serialize: (row) => JSON.stringify(row) }).open(request).encode,
}

console.log(
  `${cpus()[0].model}, Node ${process.version}; ${ROWS} rows, median of ${ROUNDS} interleaved rounds (min – max)`,
)
for (const [table, make] of Object.entries(tables)) {
  console.log(`\n${table}`)
  const rows = Array.from({ length: ROWS }, (_, i) => make(i))
  const times = Object.fromEntries(Object.keys(writers).map((name) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, writer] of Object.entries(writers)) {
      const ns = nsPerRow(rows, writer())
      if (round > 0) times[name].push(ns) // The first round warms up.
    }
  }
  for (const [name, values] of Object.entries(times)) print(name, values)
}

/** Joins text and hands it on at 32 KiB, as the pump does. */
function nsPerRow(rows, encode) {
  const start = performance.now()
  let text = ''
  for (const row of rows) {
    text += encode(row)
    if (text.length > 32_768) text = flush(text)
  }
  flush(text)
  return ((performance.now() - start) * 1e6) / rows.length
}

function flush(text) {
  wire.utf8Write(text, 0)
  return ''
}

function print(name, values) {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, median, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((ns) => ns.toFixed(0))
  console.log(`  ${name.padEnd(44)} ${median.padStart(6)} ns/row (${low} – ${high})`)
}
