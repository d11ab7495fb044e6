// What an event costs, before any HTTP: encodeEvent() against a template string that splits nothing, and one that splits lines
// as people write it by hand. Run after a build: `node packages/sse/bench/encode.mjs [events] [rounds]`.
import { cpus } from 'node:os'
import { encodeEvent } from '../dist/index.js'

const EVENTS = Number(process.argv[2] ?? 200_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const wire = Buffer.allocUnsafe(1 << 20)

const sources = {
  'a token of text': (i) => `token ${i}`,
  'text of 1000 characters': (i) => `${i} ${'lorem ipsum '.repeat(83)}`,
  'text of three lines': (i) => `first ${i}\nsecond\r\nthird`,
  'id, type and an object': (i) => ({ id: String(i), event: 'tick', data: { id: i, price: i * 1.5 } }),
}

const bare = (item) =>
  typeof item === 'string'
    ? `data: ${item}\n\n`
    : `event: ${item.event}\nid: ${item.id}\ndata: ${JSON.stringify(item.data)}\n\n`

const byHand = (item) => {
  const { event, id, data } = typeof item === 'string' ? { data: item } : item
  const lines = (typeof data === 'string' ? data : JSON.stringify(data)).split(/\r\n|\r|\n/)
  const head = (event === undefined ? '' : `event: ${event}\n`) + (id === undefined ? '' : `id: ${id}\n`)
  return head + lines.map((line) => `data: ${line}\n`).join('') + '\n'
}

const writers = {
  'a template string, open to injection': bare,
  'split by hand with a regular expression': byHand,
  'encodeEvent()': (item) => encodeEvent(item),
}

console.log(
  `${cpus()[0].model}, Node ${process.version}; ${EVENTS} events, median of ${ROUNDS} interleaved rounds (min – max)`,
)
for (const [source, make] of Object.entries(sources)) {
  console.log(`\n${source}`)
  const items = Array.from({ length: EVENTS }, (_, i) => make(i))
  const times = Object.fromEntries(Object.keys(writers).map((name) => [name, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, encode] of Object.entries(writers)) {
      const ns = nsPerEvent(items, encode)
      if (round > 0) times[name].push(ns) // The first round warms up.
    }
  }
  for (const [name, values] of Object.entries(times)) print(name, values)
}

/** Joins text and hands it on at 32 KiB, as the pump does. */
function nsPerEvent(items, encode) {
  const start = performance.now()
  let text = ''
  for (const item of items) {
    text += encode(item)
    if (text.length > 32_768) text = flush(text)
  }
  flush(text)
  return ((performance.now() - start) * 1e6) / items.length
}

function flush(text) {
  wire.utf8Write(text, 0)
  return ''
}

function print(name, values) {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, median, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((ns) => ns.toFixed(0))
  console.log(`  ${name.padEnd(44)} ${median.padStart(6)} ns/event (${low} – ${high})`)
}
