import { Readable, type Writable } from 'node:stream'
import { expectTypeOf, test } from 'vitest'
import {
  relay,
  StreamingResponse,
  Topic,
  type StreamEnd,
  type StreamRequest,
  type StreamWriter,
} from '@catzilla/streaming'
import { nodeWritable } from '@catzilla/streaming/node'

interface Row {
  readonly id: number
}
const row: Row = { id: 1 }
const rows: AsyncIterable<Row> = {
  async *[Symbol.asyncIterator]() {
    yield row
  },
}

test('text and bytes of any kind need no encode', () => {
  void new StreamingResponse('text')
  void new StreamingResponse(new Uint8Array(1))
  void new StreamingResponse(['text', new Uint8Array(1), new DataView(new ArrayBuffer(1))])
  void new StreamingResponse([Promise.resolve('text')])
  void new StreamingResponse(function* () {
    yield 'text'
    yield Promise.resolve('text')
  })
  void new StreamingResponse(async function* (request: StreamRequest) {
    yield request.url
  })
  void new StreamingResponse(new Response('').body!)
  void new StreamingResponse(new Response(''))
  void new StreamingResponse(new Blob([]))
  void new StreamingResponse(Readable.from([]))
})

test('items of another type need an encode', () => {
  void new StreamingResponse(rows, { encode: (item) => JSON.stringify(item) })
  // @ts-expect-error encode is missing
  void new StreamingResponse(rows)
  // @ts-expect-error encode is missing
  void new StreamingResponse([row], { status: 201 })
  // @ts-expect-error encode is missing for some of the items
  void new StreamingResponse(['text', row])
})

test('encode gets the items of the source, and gives text or bytes', () => {
  void new StreamingResponse(rows, {
    encode: (item) => {
      expectTypeOf(item).toEqualTypeOf<Row>()
      return new Uint8Array(item.id)
    },
  })
  // @ts-expect-error a number is neither text nor bytes
  void new StreamingResponse(rows, { encode: (item) => item.id })
})

test('what cannot be iterated is no source', () => {
  // @ts-expect-error a number
  void new StreamingResponse(42)
  // @ts-expect-error a promise: await it first
  void new StreamingResponse(Promise.resolve(['text']))
  // @ts-expect-error nothing
  void new StreamingResponse()
})

test('options are checked by name and type', () => {
  // @ts-expect-error a misspelt option
  void new StreamingResponse('', { contenttype: 'text/csv' })
  // @ts-expect-error not a way to commit a head
  void new StreamingResponse('', { head: 'late' })
  void new StreamingResponse('', { deadlines: { idleMs: 10, stallMs: null } })
})

test('a writer callback gets the writer and the request', () => {
  const response = StreamingResponse.fromWriter((w, request) => {
    expectTypeOf(w).toEqualTypeOf<StreamWriter>()
    expectTypeOf(request).toEqualTypeOf<StreamRequest>()
    expectTypeOf(w.write('text')).toEqualTypeOf<Promise<void>>()
    // @ts-expect-error a number is neither text nor bytes
    void w.write(1)
  })
  expectTypeOf(response).toEqualTypeOf<StreamingResponse>()
})

test('after() chains, and its callback gets the end', () => {
  const response = new StreamingResponse(rows, { encode: String }).after((end) => {
    expectTypeOf(end).toEqualTypeOf<StreamEnd>()
  })
  expectTypeOf(response).toEqualTypeOf<StreamingResponse<Row>>()
})

test('a topic of objects needs an encode, and its source goes into a response as it is', () => {
  const topic = new Topic<Row>({ encode: (row, sequence) => `${sequence}: ${row.id}\n` })
  // @ts-expect-error nothing says how to encode a row
  void new Topic<Row>()
  void new Topic().publish('text')
  // @ts-expect-error a number is neither text nor bytes
  new Topic().publish(1)
  expectTypeOf(topic.publish(row)).toEqualTypeOf<number>()
  topic.subscribe({
    filter: (row) => {
      expectTypeOf(row).toEqualTypeOf<Row>()
      return true
    },
    // @ts-expect-error not a policy
    policy: 'drop',
  })
  expectTypeOf(new StreamingResponse(topic.subscribe())).toEqualTypeOf<StreamingResponse<string | Uint8Array>>()
})

test('relay takes a Response and streams of text or bytes, and no options that would change them', async () => {
  expectTypeOf(relay(await fetch('http://localhost/'))).toEqualTypeOf<StreamingResponse>()
  expectTypeOf(
    relay(new ReadableStream<Uint8Array>(), { status: 201, contentType: 'text/html' }),
  ).toEqualTypeOf<StreamingResponse>()
  relay(new ReadableStream<string>(), { headers: { 'set-cookie': ['a=1'] }, deadlines: { idleMs: 1 } })
  // @ts-expect-error numbers are neither text nor bytes
  relay(new ReadableStream<number>())
  // @ts-expect-error a promise is awaited first
  relay(fetch('http://localhost/'))
  // @ts-expect-error bodies go on as they are
  relay(new Response(), { encode: String })
})

test('what text or bytes come from is piped into a writer', () => {
  StreamingResponse.fromWriter(async (w) => {
    await new ReadableStream<string>().pipeTo(w.writable)
    await new ReadableStream<Uint8Array>().pipeThrough(new CompressionStream('gzip')).pipeTo(w.writable)
    // @ts-expect-error objects are neither
    await new ReadableStream<Row>().pipeTo(w.writable)
    expectTypeOf(nodeWritable(w)).toEqualTypeOf<Writable>()
  })
})
