import { Readable } from 'node:stream'
import {
  StreamingResponse,
  type StreamEnd,
  type StreamItem,
  type StreamRequest,
  type StreamSource,
} from '@catzilla/streaming'
import { expect } from 'vitest'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function webStream<T>(...items: T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    },
  })
}

function bareIterator(...items: string[]): Iterator<string> {
  return { next: () => (items.length > 0 ? { done: false, value: items.shift()! } : { done: true, value: undefined }) }
}

function bareAsyncIterator(...items: string[]): AsyncIterator<string> {
  const iterator = bareIterator(...items)
  return { next: async () => iterator.next() }
}

/** Each gives `onetwo`. */
const KINDS: Record<string, () => StreamSource<StreamItem>> = {
  'a sync generator function': () =>
    function* () {
      yield 'one'
      yield 'two'
    },
  'a sync generator': () =>
    (function* () {
      yield 'one'
      yield 'two'
    })(),
  'an async generator function': () =>
    async function* () {
      yield 'one'
      yield 'two'
    },
  'an async generator': () =>
    (async function* () {
      yield 'one'
      yield 'two'
    })(),
  'a function that gives an array': () => () => ['one', 'two'],
  'a Set': () => new Set(['one', 'two']),
  'an array of promises': () => [Promise.resolve('one'), Promise.resolve('two')],
  'a bare iterator': () => bareIterator('one', 'two'),
  'a bare async iterator': () => bareAsyncIterator('one', 'two'),
  'a Node Readable of text': () => Readable.from(['one', 'two']),
  'a Node Readable of bytes': () => Readable.from([Buffer.from('one'), Buffer.from('two')]),
  'a web ReadableStream of text': () => webStream('one', 'two'),
  'a web ReadableStream of bytes': () => webStream(bytes('one'), bytes('two')),
  'a web Response': () => new Response('onetwo'),
  'a Blob': () => new Blob(['one', 'two']),
  'a string': () => 'onetwo',
  'a Uint8Array': () => bytes('onetwo'),
  'a Buffer that is part of a larger one': () => Buffer.from('>>onetwo<<').subarray(2, 8),
  'a DataView': () => new DataView(bytes('>onetwo').buffer, 1),
  'a Uint16Array': () => new Uint16Array(bytes('onetwo').buffer),
}

/** Each is an empty body. */
const EMPTY: Record<string, () => StreamSource<StreamItem>> = {
  'a generator that yields nothing': () => function* () {},
  'an async generator that yields nothing': () => async function* () {},
  'a generator that yields only empty items': () => ['', new Uint8Array(0), ''],
  'a web Response without a body': () => new Response(null),
  'an empty string': () => '',
}

export const sources = chapter('1. sources', (holds) => {
  for (const [kind, source] of Object.entries(KINDS)) {
    holds(`${kind} is a source`, async ({ serve }) => {
      const server = await serve(() => new StreamingResponse(source()))
      const response = await server.get()
      expect(await response.whole()).toBe('onetwo')
    })
  }

  for (const [kind, source] of Object.entries(EMPTY)) {
    holds(`${kind} is a complete, empty body`, async ({ serve }) => {
      const server = await serve(() => new StreamingResponse(source()))
      const response = await server.get()
      expect(await response.whole()).toBe('')
      expect(response.status).toBe(200)
    })
  }

  holds('a writer callback is a source', async ({ serve }) => {
    const server = await serve(() =>
      StreamingResponse.fromWriter(async (w) => {
        await w.write('one')
        await w.write(bytes('two'))
      }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('onetwo')
  })

  holds('a function is called when the stream starts, and not before', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() => {
      const response = new StreamingResponse(function* () {
        journal.note('called')
        yield 'body'
      })
      journal.note('made')
      return response
    })
    const response = await server.get()
    expect(await response.whole()).toBe('body')
    expect(journal.events).toEqual(['made', 'called'])
  })

  holds('a function gets the request: method, url, fields', async ({ serve }) => {
    const describeRequest = ({ method, url, headers }: StreamRequest) => [
      `${method} ${url} ${headers.get('X-Wanted')} ${headers.get('x-missing')}`,
    ]
    const server = await serve({ '/path': () => new StreamingResponse(describeRequest) })
    const response = await server.get('/path?query=1', { fields: { 'x-wanted': 'yes' } })
    expect(await response.whole()).toBe('GET /path?query=1 yes null')
  })

  holds('a promise yielded by a sync generator is awaited before the generator goes on', async ({ serve }) => {
    const journal = new Journal()
    const later = async () => {
      await new Promise(setImmediate)
      journal.note('settled')
      return 'late,'
    }
    const server = await serve(
      () =>
        new StreamingResponse(function* () {
          yield 'first,'
          yield later()
          journal.note('asked again')
          yield 'last'
        }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('first,late,last')
    expect(journal.events).toEqual(['settled', 'asked again'])
  })

  holds('a rejected promise of a sync generator is a source error, and runs its finally', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(function* () {
        try {
          yield 'before'
          yield Promise.reject(new Error('rejected'))
        } finally {
          journal.note('finally')
        }
      }).after(journal.noting('after')),
    )
    const response = await server.get()
    expect(await response.broken()).toBe('before')
    const end = await journal.first<StreamEnd>('after')
    expect(end.outcome).toBe('source-error')
    expect(journal.events).toEqual(['finally', 'after'])
  })

  holds('empty items do not end a stream', async ({ serve }) => {
    const server = await serve(
      () =>
        new StreamingResponse(async function* () {
          yield 'a'
          yield ''
          await new Promise(setImmediate)
          yield new Uint8Array(0)
          await new Promise(setImmediate)
          yield ''
          yield 'b'
        }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('ab')
  })

  holds('a bad item is a typed error that says which item and what to do', async ({ serve }) => {
    const journal = new Journal()
    const source = function* () {
      yield 'good'
      yield { bad: true } as unknown as string
    }
    const server = await serve(() => new StreamingResponse(source).after(journal.noting('after')))
    const response = await server.get()
    expect(await response.broken()).toBe('good')
    const { outcome, error } = await journal.first<StreamEnd>('after')
    expect(outcome).toBe('source-error')
    expect(error).toMatchObject({ code: 'CZ_STREAM_ITEM' })
    expect((error as Error).message).toMatch(/Item 2 .*object.*encode/)
  })

  holds('a bad first item is answered with 500', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse([42 as unknown as string]))
    const response = await server.get()
    expect(response.status).toBe(500)
  })

  holds('what cannot be iterated is answered with 500', async ({ serve }) => {
    const journal = new Journal()
    const promised = Promise.resolve(['item']) as unknown as string
    const server = await serve(() => new StreamingResponse(promised).after(journal.noting('after')))
    const response = await server.get()
    expect(response.status).toBe(500)
    const { error } = await journal.first<StreamEnd>('after')
    expect(error).toMatchObject({ code: 'CZ_STREAM_SOURCE' })
    expect((error as Error).message).toContain('await it first')
  })

  holds('text and bytes keep their order, whatever their sizes', async ({ serve }) => {
    const sizes = [1, 5_000, 3, 20_000, 16_384, 1, 1, 40_000, 100, 70_000, 2]
    const items = sizes.map((size, index) => {
      const text = String.fromCodePoint(0x61 + index).repeat(size)
      return index % 2 === 0 ? text : bytes(text)
    })
    const server = await serve(() => new StreamingResponse(items))
    const response = await server.get()
    const body = await response.whole()
    expect(body.match(/(.)\1*/g)!.map((run) => run.length)).toEqual(sizes)
  })

  holds('characters of several bytes arrive whole', async ({ serve }) => {
    const lines = Array.from({ length: 4_000 }, (_, i) => `${i} héllo wörld 日本語 🐈\n`)
    const server = await serve(() => new StreamingResponse(lines))
    const response = await server.get()
    expect(await response.whole()).toBe(lines.join(''))
  })

  holds('one large item arrives whole, as text and as bytes', async ({ serve }) => {
    const large = 'large é'.repeat(300_000)
    const server = await serve({
      '/text': () => new StreamingResponse([large]),
      '/bytes': () => new StreamingResponse([Buffer.from(large)]),
    })
    const [text, raw] = await Promise.all([server.get('/text'), server.get('/bytes')])
    expect((await text.whole()) === large).toBe(true)
    expect((await raw.whole()) === large).toBe(true)
  })

  holds('encode makes text of items of any type', async ({ serve }) => {
    const server = await serve(
      () => new StreamingResponse([{ n: 1 }, { n: 2 }], { encode: (item) => JSON.stringify(item) }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('{"n":1}{"n":2}')
  })
})
