import { Readable } from 'node:stream'
import { Journal, MemoryExchange } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { releaseSource, toItemIterator } from '../src/source.ts'
import { writerSource } from '../src/writer.ts'

const { request } = new MemoryExchange()
const iterate = (source: unknown) => toItemIterator(source, request)

async function itemsOf(source: unknown): Promise<unknown[]> {
  const iterator = iterate(source)
  const items: unknown[] = []
  for (;;) {
    const { done, value } = await iterator.next()
    if (done === true) return items
    items.push(value)
  }
}

test('text and bytes are one item, and not a sequence of characters or numbers', async () => {
  const bytes = new Uint8Array([1, 2])
  expect(await itemsOf('text')).toEqual(['text'])
  expect(await itemsOf(bytes)).toEqual([bytes])
})

test('functions are called with the request, until one gives a source', async () => {
  expect(await itemsOf(() => (given: unknown) => [given])).toEqual([request])
})

test('an async iterable is preferred to a sync one', async () => {
  const both = {
    *[Symbol.iterator]() {
      yield 'sync'
    },
    async *[Symbol.asyncIterator]() {
      yield 'async'
    },
  }
  expect(await itemsOf(both)).toEqual(['async'])
})

test('nothing of a generator runs before next()', () => {
  const journal = new Journal()
  iterate(function* () {
    journal.note('ran')
    yield ''
  })
  expect(journal.events).toEqual([])
})

test('a web Response without a body gives no items', async () => {
  expect(await itemsOf(new Response(null))).toEqual([])
})

test('return() cancels a web stream, also while a read is pending', async () => {
  const journal = new Journal()
  const iterator = iterate(new ReadableStream({ cancel: journal.noting('cancelled') }))
  const pending = iterator.next()
  await iterator.return!()
  expect(journal.events).toEqual(['cancelled'])
  expect(await pending).toMatchObject({ done: true })
})

test('a Readable is read itself, whatever else it has (the parsed body of a request)', async () => {
  const readable = Object.assign(Readable.from(['a', 'b']), { headers: {}, body: { parsed: true } })
  expect(await itemsOf(readable)).toEqual(['a', 'b'])
})

test('return() destroys a Node Readable, also while a read is pending', async () => {
  const readable = new Readable({ read() {} })
  const iterator = iterate(readable)
  const pending = Promise.resolve(iterator.next())
  const outcome = pending.catch(() => 'ended')
  void iterator.return!()
  expect(readable.destroyed).toBe(true)
  await outcome
})

test.each([
  ['a number', 42, '42'],
  ['null', null, 'null'],
  ['nothing', undefined, 'undefined'],
  ['a plain object', {}, '[object Object]'],
  ['a promise', Promise.resolve([]), 'a promise: await it first'],
  ['an ArrayBuffer', new ArrayBuffer(1), '[object ArrayBuffer]'],
  ['a function that gives a number', () => 42, '42'],
])('%s is refused, and shown', (_what, source, shown) => {
  const problem = expect.objectContaining({ code: 'CZ_STREAM_SOURCE', message: expect.stringContaining(shown) })
  expect(() => iterate(source)).toThrow(problem)
})

test('releasing an unstarted source returns it without a pull', async () => {
  const journal = new Journal()
  const source = { next: journal.noting('next'), return: journal.noting('return') }
  await releaseSource(source, request)
  expect(journal.events).toEqual(['return'])
})

test('releasing an unstarted function or writer calls neither', async () => {
  const journal = new Journal()
  await releaseSource(journal.noting('called'), request)
  await releaseSource(writerSource(journal.noting('called')), request)
  expect(journal.events).toEqual([])
})

test('releasing an unstarted Readable or web stream gives up what it holds', async () => {
  const journal = new Journal()
  const readable = new Readable({ read() {} })
  await releaseSource(readable, request)
  await releaseSource(new ReadableStream({ cancel: journal.noting('cancelled') }), request)
  expect(readable.destroyed).toBe(true)
  expect(journal.events).toEqual(['cancelled'])
})
