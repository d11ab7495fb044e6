// The ring alone, without a server: `/cpp` runs the C++ face against memcpy, `/ts` the TypeScript face against postMessage, from a
// worker to the main thread. The answer is the figures as JSON.
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { RingBuffer } from '@catzilla/streaming/ring'
import { CORES, useAllCores } from './all-cores.mjs'
import { listening } from './listening.mjs'

const RECORD = new Uint8Array(64).fill(7)
const RING_RECORDS = 500_000
const POSTED_RECORDS = 50_000
/** Records that are published together. */
const BATCH = 64

if (isMainThread) {
  useAllCores()
  const worker = new Worker(new URL(import.meta.url))
  const server = createServer(async (req, res) => {
    const { pathname, searchParams } = new URL(req.url, 'http://localhost')
    const seconds = searchParams.get('seconds') ?? '1'
    const figures = pathname === '/cpp' ? await cpp(seconds) : await ts(worker, Number(seconds))
    res.end(JSON.stringify(figures))
  })
  server.listen(0, '127.0.0.1', () => listening(server.address().port))
} else {
  parentPort.on('message', (memory) => (memory === undefined ? post() : produce(RingBuffer.open(memory).producer())))
}

async function cpp(seconds) {
  const program = new URL('../build/ring-bench', import.meta.url).pathname
  const args = ['--cpu-list', CORES, program, '--seconds', seconds]
  return JSON.parse((await promisify(execFile)('taskset', args)).stdout)
}

/** Both take turns; the best round of each counts, as the others were disturbed. */
async function ts(worker, seconds) {
  const until = performance.now() + seconds * 1000
  let [ringNs, postNs] = [Infinity, Infinity]
  do {
    ringNs = Math.min(ringNs, await throughRing(worker))
    postNs = Math.min(postNs, await throughPort(worker))
  } while (performance.now() < until)
  return { ringNs, postNs, ratio: postNs / ringNs }
}

/** Nanoseconds for each record. */
async function throughRing(worker) {
  const ring = RingBuffer.create({ kind: 'records', capacity: 1024 * 1024 })
  const consumer = ring.consumer()
  const target = new Uint8Array(64)
  let count = 0
  const start = performance.now()
  worker.postMessage(ring.memory)
  while (consumer.status === 'open') {
    await consumer.readable()
    while (consumer.readRecordInto(target) >= 0) count++
  }
  if (count !== RING_RECORDS || target[63] !== 7) throw new Error('records are missing')
  return ((performance.now() - start) * 1e6) / count
}

async function throughPort(worker) {
  let count = 0
  const start = performance.now()
  const all = new Promise((resolve) => {
    worker.on('message', () => ++count === POSTED_RECORDS && resolve(undefined))
  })
  worker.postMessage(undefined)
  await all
  worker.removeAllListeners('message')
  return ((performance.now() - start) * 1e6) / count
}

function produce(producer) {
  for (let i = 0; i < RING_RECORDS;) {
    if (!producer.stageRecord(RECORD)) producer.waitWritable(256 * 1024)
    else if (++i % BATCH === 0) producer.publish()
  }
  producer.end()
}

function post() {
  for (let i = 0; i < POSTED_RECORDS; i++) parentPort.postMessage(RECORD)
}
