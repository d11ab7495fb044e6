import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bodyOf, MemoryExchange, openFds, sendInMemory, until } from '@catzilla/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { sendStream, StreamingResponse, type FileRange } from '@catzilla/streaming'
import { openFile, takeOver } from '@catzilla/streaming/node'

const TEXT = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('')
let dir: string
let path: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'catzilla-file-'))
  path = join(dir, 'text.txt')
})
afterAll(() => rm(dir, { recursive: true }))
beforeEach(() => writeFile(path, TEXT))

/** A memory host whose sink takes files itself, as the test says. */
function sendWithSendfile(response: StreamingResponse<never>, sendFile: (file: FileRange) => Promise<void>) {
  const exchange = new MemoryExchange()
  Object.assign(exchange.sink, { sendFile, takeOver })
  sendStream(response, exchange)
  return exchange
}

test('a file is sent whole, with its length, and closed', async () => {
  const before = openFds()
  const file = await openFile(path)
  expect([file.size, file.length]).toEqual([TEXT.length, TEXT.length])
  const exchange = sendInMemory(new StreamingResponse(file))
  expect((await exchange.end()).outcome).toBe('completed')
  expect(exchange.head!.contentLength).toBe(TEXT.length)
  expect(exchange.sink.text === TEXT).toBe(true)
  expect(openFds()).toBe(before)
})

test.each([
  [{ start: 10, end: 100 }, TEXT.slice(10, 100)],
  [{ start: TEXT.length - 5 }, TEXT.slice(-5)],
  [{ end: 7 }, TEXT.slice(0, 7)],
  [{ start: 5, end: 5 }, ''],
])('part %o of a file', async (part, expected) => {
  expect(await bodyOf(new StreamingResponse(await openFile(pathToFileURL(path), part)))).toBe(expected)
})

test('a file whose client leaves, or only asks for the head, is closed', async () => {
  const before = openFds()
  const lost = sendInMemory(new StreamingResponse(await openFile(path)), { room: 1 })
  lost.sink.lose()
  await lost.end()
  const head = sendInMemory(new StreamingResponse(await openFile(path)), { method: 'HEAD' })
  expect((await head.end()).outcome).toBe('completed')
  expect(head.head!.contentLength).toBe(TEXT.length)
  await until(() => openFds() === before, 'both should be closed')
})

test('a file that becomes shorter breaks the body off', async () => {
  const file = await openFile(path)
  const exchange = sendInMemory(new StreamingResponse(file), { room: 1 })
  await truncate(path, 100_000)
  while (exchange.ends.length === 0) {
    exchange.sink.drain()
    await new Promise(setImmediate)
  }
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
})

test('a sink that can send files gets the range, and nothing is read', async () => {
  const before = openFds()
  let sent!: () => void
  const ranges: FileRange[] = []
  const file = await openFile(path, { start: 10, end: 100 })
  const exchange = sendWithSendfile(new StreamingResponse(file), (range) => {
    ranges.push(range)
    return new Promise((resolve) => (sent = resolve))
  })
  await new Promise(setImmediate)
  expect(ranges).toEqual([{ fd: expect.any(Number), start: 10, length: 90 }])
  expect(exchange.ends).toEqual([])
  sent()
  expect((await exchange.end()).outcome).toBe('completed')
  expect(exchange.sink.calls).toEqual(['end'])
  expect(openFds()).toBe(before)
})

test('a file that the sink cannot send to its end breaks the body off', async () => {
  const failure = new Error('input/output error')
  const exchange = sendWithSendfile(new StreamingResponse(await openFile(path)), () => Promise.reject(failure))
  expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: failure })
  expect(exchange.sink.calls).toEqual(['abort'])
})

test('a file with another declared length, or with an encode, is read', async () => {
  const never = () => Promise.reject(new Error('not here'))
  const short = new StreamingResponse(await openFile(path), { headers: { 'content-length': '5' } })
  expect(await sendWithSendfile(short, never).end()).toMatchObject({ error: { code: 'CZ_STREAM_LENGTH' } })
  const encoded = new StreamingResponse(await openFile(path, { end: 3 }), { encode: (bytes) => `${bytes.length}` })
  const exchange = sendWithSendfile(encoded, never)
  await exchange.end()
  expect([exchange.sink.text, exchange.head!.contentLength]).toEqual(['3', undefined])
})

test('what is no file, or a part outside of it, is refused, and nothing stays open', async () => {
  const before = openFds()
  await expect(openFile(join(dir, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(openFile(dir)).rejects.toMatchObject({ code: 'CZ_STREAM_SOURCE' })
  for (const part of [{ start: -1 }, { start: 5, end: 4 }, { end: TEXT.length + 1 }, { start: 0.5 }]) {
    await expect(openFile(path, part)).rejects.toMatchObject({ code: 'CZ_STREAM_SOURCE' })
  }
  expect(openFds()).toBe(before)
})
