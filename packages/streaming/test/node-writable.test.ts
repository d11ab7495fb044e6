import { createServer } from 'node:http'
import { once } from 'node:events'
import { PassThrough, Readable, Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, gunzipSync, inflateRawSync } from 'node:zlib'
import { ZipArchive } from 'archiver'
import { stringify } from 'csv-stringify'
import { RawClient, sendInMemory, settled, type MemoryExchange, type MemoryOptions } from '@catzilla/testkit'
import { StreamingResponse, type StreamEnd, type StreamWriter } from '@catzilla/streaming'
import { nodeWritable, send } from '@catzilla/streaming/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { running } from './hosts/hosts.ts'

const loopTurn = () => new Promise(setImmediate)
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await loopTurn()
}

const fromWriter = (produce: (writer: StreamWriter) => unknown, options?: MemoryOptions) =>
  sendInMemory(StreamingResponse.fromWriter(produce), options)

/** A face in the hands of the test; its callback has returned. */
function open(options?: MemoryOptions): { out: Writable; exchange: MemoryExchange } {
  let out!: Writable
  const exchange = fromWriter((w) => void (out = nodeWritable(w)), options)
  return { out, exchange }
}

const bytesOf = ({ sink }: MemoryExchange) => Buffer.concat(sink.frames.map((frame) => Buffer.from(frame as string)))

test('rows through csv-stringify arrive as csv-stringify writes them', async () => {
  const rows = Array.from({ length: 5_000 }, (_, i) => [i, `name "${i}"`, 'é€😀'])
  const exchange = fromWriter((w) => pipeline(Readable.from(rows), stringify(), nodeWritable(w)))
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  const expected = rows.map(([i, , text]) => `${i},"name ""${i}""",${text}\n`).join('')
  expect(exchange.sink.text === expected).toBe(true)
  expect(exchange.sink.frames.length).toBeLessThan(rows.length / 10) // Many rows share a frame.
})

test('what zlib has compressed arrives, and can be decompressed', async () => {
  const text = Array.from({ length: 50_000 }, (_, i) => `row ${i}\n`).join('')
  const exchange = fromWriter((w) => pipeline(Readable.from([text]), createGzip(), nodeWritable(w)))
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(gunzipSync(bytesOf(exchange)).toString() === text).toBe(true)
})

/** The files of a ZIP archive by its local headers, where sizes stand in the central directory (APPNOTE 4.3.12). */
function unzip(zip: Buffer): Record<string, string> {
  const files: Record<string, string> = {}
  for (let at = zip.indexOf('PK\u0001\u0002'); at !== -1; at = zip.indexOf('PK\u0001\u0002', at + 1)) {
    const [size, nameLength, header] = [zip.readUInt32LE(at + 20), zip.readUInt16LE(at + 28), zip.readUInt32LE(at + 42)]
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    files[name] = inflateRawSync(zip.subarray(start, start + size)).toString()
  }
  return files
}

test('an archive that nobody awaits arrives whole', async () => {
  const big = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('')
  const exchange = fromWriter((w) => {
    const archive = new ZipArchive()
    archive.append('small', { name: 'small.txt' })
    archive.append(Readable.from([big]), { name: 'big.txt' })
    archive.pipe(nodeWritable(w))
    void archive.finalize()
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  const files = unzip(bytesOf(exchange))
  expect(Object.keys(files)).toEqual(['small.txt', 'big.txt'])
  expect(files['small.txt']).toBe('small')
  expect(files['big.txt'] === big).toBe(true)
})

test('the callback can write on behind a pipeline', async () => {
  const exchange = fromWriter(async (w) => {
    await w.write('head ')
    await pipeline(Readable.from(['body ']), nodeWritable(w))
    await pipeline(Readable.from(['more ']), nodeWritable(w))
    await w.write('foot')
  })
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('head body more foot')
})

test('the stream ends when the last of several faces has ended', async () => {
  let faces!: Writable[]
  const exchange = fromWriter((w) => void (faces = [nodeWritable(w), nodeWritable(w)]))
  faces[0]!.end('one ')
  await turns(3)
  expect(exchange.ends).toEqual([])
  faces[1]!.end('two')
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.text).toBe('one two')
})

test('text in every encoding arrives as the bytes that it stands for', async () => {
  const { out, exchange } = open()
  out.write('é', 'utf8')
  out.write('é', 'latin1')
  out.write('e282ac', 'hex')
  out.write('4oKs', 'base64')
  out.write('é', 'utf16le')
  out.setDefaultEncoding('latin1')
  out.end('ü')
  await exchange.end()
  expect(bytesOf(exchange).toString('hex')).toBe('c3a9e9e282ace282ace900fc')
})

test('text stays text on its way', async () => {
  const { out, exchange } = open()
  out.end('text')
  await exchange.end()
  expect(exchange.sink.frames).toEqual(['text'])
})

test('corked writes share a frame', async () => {
  const { out, exchange } = open()
  out.cork()
  for (let i = 0; i < 10; i++) out.write(`${i} `)
  await turns(2)
  expect(exchange.sink.frames).toEqual([])
  out.uncork()
  out.end()
  await exchange.end()
  expect(exchange.sink.frames).toEqual(['0 1 2 3 4 5 6 7 8 9 '])
})

test('write callbacks come when the client has caught up, and finish with the last', async () => {
  const { out, exchange } = open({ room: 1 })
  const written = vi.fn<() => void>()
  out.write('x'.repeat(4_000), written)
  await turns(3)
  expect(written).not.toHaveBeenCalled()
  exchange.sink.drain()
  await turns(3)
  expect(written).toHaveBeenCalledOnce()
  out.end()
  await once(out, 'finish')
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
})

test('a producer that does not look at write() loses nothing, whatever the amount', async () => {
  const { out, exchange } = open({ room: 64 * 1024 })
  const line = 'x'.repeat(100_000)
  for (let i = 0; i < 300; i++) out.write(line)
  out.end()
  while (exchange.ends.length === 0) {
    exchange.sink.drain()
    await loopTurn()
  }
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
  expect(exchange.sink.sizes.reduce((sum, size) => sum + size, 0)).toBe(30_000_000)
})

test('a source that fails breaks the body off behind what came before', async () => {
  const failure = new Error('failed')
  const source = async function* () {
    yield 'before'
    await turns(2)
    throw failure
  }
  const exchange = fromWriter((w) => pipeline(Readable.from(source()), new PassThrough(), nodeWritable(w)))
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: failure })
  expect(exchange.sink.text).toBe('before')
  expect(exchange.sink.ended).toBe(false)
})

test('a source that fails before its first chunk leaves the answer to the host', async () => {
  const failing = new Transform({ transform: (_chunk, _encoding, callback) => callback(new Error('failed')) })
  const exchange = fromWriter((w) => pipeline(Readable.from(['x']), failing, nodeWritable(w)))
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
})

test('destroying it before its end breaks the body off, with or without an error', async () => {
  const failed = open()
  failed.out.write('before')
  await turns(2)
  const failure = new Error('stop')
  failed.out.destroy(failure)
  expect(await failed.exchange.end()).toMatchObject({ outcome: 'source-error', error: failure })
  expect(failed.exchange.sink.ended).toBe(false)

  const left = open()
  left.out.destroy()
  expect(await left.exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_SOURCE' } })
})

test('destroying it after its end changes nothing', async () => {
  const { out, exchange } = open({ slowEnd: true })
  out.end('whole')
  await once(out, 'close')
  out.destroy(new Error('late'))
  exchange.sink.drain()
  expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
})

test('a client that leaves destroys all of a pipeline, while it is silent', async () => {
  const source = new Readable({ read() {} })
  const gzip = createGzip()
  let piped!: Promise<void>
  const exchange = fromWriter((w) => (piped = pipeline(source, gzip, nodeWritable(w))))
  await turns(2)
  exchange.sink.lose()
  await expect(piped).rejects.toMatchObject({ code: 'CZ_STREAM_ABORTED' })
  expect([source.destroyed, gzip.destroyed]).toEqual([true, true])
  expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
})

test('a client that leaves does not crash a process that pipes without a look at errors', async () => {
  const source = new Readable({ read() {} })
  let out!: Writable
  const exchange = fromWriter((w) => void source.pipe((out = nodeWritable(w))))
  source.push('one')
  await turns(2)
  exchange.sink.lose()
  source.push('two')
  await new Promise((resolve) => out.once('close', resolve)) // An unhandled 'error' would fail the run.
  expect(out.errored).toMatchObject({ code: 'CZ_STREAM_ABORTED' })
})

test('what is made after the client has left is destroyed', async () => {
  let writer!: StreamWriter
  const exchange = fromWriter((w) => {
    writer = w
    return new Promise(() => {})
  })
  exchange.sink.lose()
  await expect(pipeline(Readable.from(['late']), nodeWritable(writer))).rejects.toMatchObject({
    code: 'CZ_STREAM_ABORTED',
  })
})

test('over a real connection, a reader that stands still holds the producer, and its leaving ends it', async () => {
  let made = 0
  const source = new Readable({
    read() {
      made += 64 * 1024
      this.push(Buffer.alloc(64 * 1024))
    },
  })
  let ended!: Promise<StreamEnd>
  const server = createServer((req, res) => {
    ended = send(
      req,
      res,
      StreamingResponse.fromWriter((w) => pipeline(source, nodeWritable(w))),
    )
  })
  const host = await running((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => host.close())
  const client = await RawClient.connect(host.port, { consume: () => {} })
  await client.get()
  client.stall()
  expect(await settled(() => made, 'a stalled producer')).toBeLessThan(16 * 1024 * 1024)
  client.reset()
  expect(await ended).toMatchObject({ outcome: 'client-abort' })
  expect(source.destroyed).toBe(true)
})
