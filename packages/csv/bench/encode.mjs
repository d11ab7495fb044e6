// What a row costs in CSV, before any HTTP: the encoder of csv() against a join that quotes nothing, and one that quotes as
// people write it by hand. Run after a build: `node packages/csv/bench/encode.mjs [rows] [rounds]`.
import { cpus } from 'node:os'
import { csv } from '../dist/index.js'

const ROWS = Number(process.argv[2] ?? 200_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const request = { method: 'GET', url: '/', headers: { get: () => null }, signal: new AbortController().signal }

const objects = (make) => Array.from({ length: ROWS }, (_, i) => make(i))
const tables = {
  'clean: 3 short texts, 2 numbers, 1 boolean': objects((i) => ({
    id: i,
    name: `customer ${i}`,
    city: 'Amsterdam',
    total: i * 1.5,
    paid: i % 2 === 0,
    code: 'AB-12',
  })),
  'quoted: half of the texts need quotes': objects((i) => ({
    id: i,
    name: `customer "${i}"`,
    city: 'Anytown, WW',
    note: 'first line\nsecond line',
    a: 'x',
    b: 'y',
    c: 'z',
  })),
  'long: one text of 1000 characters': objects((i) => ({ id: i, text: 'lorem ipsum '.repeat(83) })),
}

const wire = Buffer.allocUnsafe(1 << 20)
const NEEDS_QUOTES = /[",\r\n]/
const quoteByHand = (value) => {
  const text = String(value)
  return NEEDS_QUOTES.test(text) ? `"${text.replace(/"/g, '""')}"` : text
}

const writers = {
  'join, wrong as soon as a text has a comma': () => (row) => Object.values(row).join(',') + '\r\n',
  'quoted by hand with a regular expression': () => (row) => Object.values(row).map(quoteByHand).join(',') + '\r\n',
  'csv()': () => csv([]).open(request).encode,
  "csv({ formulas: 'allow' })": () => csv([], { formulas: 'allow' }).open(request).encode,
  'csv({ columns }), in another order': (row) =>
    csv([], { columns: Object.keys(row).toReversed() }).open(request).encode,
  'csv(), rows as arrays': () => csv([]).open(request).encode,
}

console.log(
  `${cpus()[0].model}, Node ${process.version}; ${ROWS} rows, median of ${ROUNDS} interleaved rounds (min – max)`,
)
for (const [table, rows] of Object.entries(tables)) {
  console.log(`\n${table}`)
  const arrays = rows.map((row) => Object.values(row))
  const times = Object.fromEntries(Object.keys(writers).map((name) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, writer] of Object.entries(writers)) {
      const encode = writer(rows[0])
      const input = name.endsWith('arrays') ? arrays : rows
      const ns = nsPerRow(input, encode)
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
