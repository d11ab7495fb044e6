// What the pump costs per item, before any HTTP: a sink that encodes each frame to UTF-8 bytes, as a transport must, against
// the bare loop over the same generator. Run after a build: `node packages/streaming/bench/pump.mjs [items] [rounds]`.
import { cpuUsage } from 'node:process'
import { sendStream, StreamingResponse } from '../dist/index.js'

const ITEMS = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const wire = Buffer.allocUnsafe(256 * 1024)
let checksum = 0

function* items() {
  for (let i = 0; i < ITEMS; i++) yield `Data ${i}\n`
}
async function* itemsAsync() {
  for (let i = 0; i < ITEMS; i++) yield `Data ${i}\n`
}

const contestants = {
  'bare loop': async () => {
    for (const item of items()) checksum += item.length
  },
  'pump, sync generator': () => pumped(new StreamingResponse(items())),
  'bare for await': async () => {
    for await (const item of itemsAsync()) checksum += item.length
  },
  'pump, async generator': () => pumped(new StreamingResponse(itemsAsync())),
  'pump, await w.write() per item': () =>
    pumped(
      StreamingResponse.fromWriter(async (w) => {
        for (let i = 0; i < ITEMS; i++) await w.write(`Data ${i}\n`)
      }),
    ),
}

function pumped(response) {
  return new Promise((resolve, reject) => {
    const sink = {
      lost: false,
      write(frame) {
        checksum += typeof frame === 'string' ? wire.utf8Write(frame, 0) : frame.length
        return true
      },
      drained: () => Promise.resolve(),
      flush() {},
      end(last) {
        if (last !== undefined) this.write(last)
        return Promise.resolve()
      },
      abort: reject,
      onLost() {},
    }
    const request = { method: 'GET', url: '/', headers: new Headers(), signal: undefined }
    sendStream(response, { request, respond: () => sink, abortSignal() {}, ended: resolve })
  })
}

const results = new Map(Object.keys(contestants).map((name) => [name, []]))
for (let round = -2; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(contestants)) {
    const before = cpuUsage()
    await run()
    const { user, system } = cpuUsage(before)
    if (round >= 0) results.get(name).push(((user + system) * 1000) / ITEMS)
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const bare = { sync: median(results.get('bare loop')), async: median(results.get('bare for await')) }
console.log(`CPU per 12-byte item, ${ITEMS} items, median of ${ROUNDS} rounds (Node ${process.version})\n`)
console.log('| | ns per item | spread | ratio to its bare loop |\n| --- | --- | --- | --- |')
for (const [name, values] of results) {
  const base = /async|await/.test(name) ? bare.async : bare.sync
  const spread = `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)}`
  console.log(`| ${name} | ${median(values).toFixed(1)} | ${spread} | ${(median(values) / base).toFixed(2)} |`)
}
if (checksum === 0) throw new Error('nothing was produced')
