// What a row costs in CSV, before any HTTP: against a template that quotes nothing, one that quotes as people write it by hand, and
// code generated for the columns. Run after a build: `node packages/csv/bench/encode.mjs [rows] [rounds]`.
import { cpus } from 'node:os'
import { writeClean, writeNumber } from '@catzilla/streaming/format'
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

/** Rows as they come from a source that has them at hand: `open()` gives what the pump reads. */
function batches(options) {
  return (rows) => {
    const { source, encoder } = csv(rows, options).open(request)
    const iterator = source.next === undefined ? source[Symbol.iterator]() : source
    iterator.attach?.({ stop() {} })
    let bytes = 0
    for (let result; !(result = iterator.next()).done;) bytes += encoder.encode(result.value).length
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

function oneByOne(options) {
  return (rows) => {
    const { encoder } = csv([], options).open(request)
    texts((row) => encoder.encode(row))(rows)
  }
}

/** The least that a byte writer generated for the columns has to do: no check of keys, no policy, no errors. */
function generated(rows) {
  const special = new Uint8Array(128)
  for (const character of ',"\r\n') special[character.charCodeAt(0)] = 1
  const lines = Object.keys(rows[0]).map(
    (key) => `value = row[${JSON.stringify(key)}]
    at = typeof value === 'number' ? writeNumber(bytes, at, value) : writeText(bytes, at, value)
    bytes[at++] = 44`,
  )
  const body = `return (row, bytes, at) => { let value; ${lines.join('\n')}; bytes[at - 1] = 13; bytes[at] = 10; return at + 1 }`
  const writeText = (bytes, at, value) => {
    const end = typeof value === 'string' ? writeClean(bytes, at, value, special) : -1
    return end >= 0 ? end : at + copy(bytes, at, quoteByHand(value))
  }
  // oxlint-disable-next-line typescript/no-implied-eval -- this is what is measured
  const write = new Function('writeNumber', 'writeText', body)(writeNumber, writeText)
  let bytes = new Uint8Array(65_536)
  let at = 0
  for (const row of rows) {
    at = write(row, bytes, at)
    if (at < 32_768) continue
    bytes = new Uint8Array(65_536)
    at = 0
  }
}

function copy(bytes, at, text) {
  return new TextEncoder().encodeInto(text, bytes.subarray(at)).written
}

const writers = {
  'template, wrong as soon as a text has a comma': texts((row) => `${Object.values(row).join(',')}\r\n`),
  'quoted by hand with a regular expression': texts((row) => Object.values(row).map(quoteByHand).join(',') + '\r\n'),
  'code generated for the columns': generated,
  'csv()': batches(),
  "csv({ formulas: 'off' })": batches({ formulas: 'off' }),
  'csv(), rows one by one': oneByOne(),
  'csv({ columns }), in another order': (rows) => batches({ columns: Object.keys(rows[0]).toReversed() })(rows),
  'csv(), rows as arrays': batches(),
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
      const start = process.cpuUsage()
      writer(name.endsWith('arrays') ? arrays : rows)
      const { user, system } = process.cpuUsage(start)
      const ns = ((user + system) * 1000) / ROWS
      if (round > 0) times[name].push(ns) // The first round warms up.
    }
  }
  for (const [name, values] of Object.entries(times)) print(name, values)
}

function flush(text) {
  wire.utf8Write(text, 0)
  return ''
}

function print(name, values) {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, median, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((ns) => ns.toFixed(0))
  console.log(`  ${name.padEnd(44)} ${median.padStart(6)} ns of CPU a row (${low} – ${high})`)
}
