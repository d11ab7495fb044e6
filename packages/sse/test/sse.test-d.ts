import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { connectEvents } from '../src/client.ts'
import { createChannel, createRun, sse, sseWire, uiMessageWire, chatWire, type SseItem } from '../src/index.ts'

test('sources of strings and events are taken in every form', () => {
  expectTypeOf(sse(['a', { data: 1 }])).toEqualTypeOf<StreamingResponse<unknown>>()
  sse(strings())
  sse(events())
  sse(function* () {
    yield 'a'
    yield { id: 1, data: {} }
  })
  sse(async function* () {
    yield { event: 'tick' }
  })
  sse(new ReadableStream<SseItem>())
})

test('a function gets the context, with types', () => {
  sse(({ lastEventId, signal, request }) => {
    expectTypeOf(lastEventId).toEqualTypeOf<string | null>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    expectTypeOf(request.url).toEqualTypeOf<string>()
    return strings()
  })
})

test('what is no event does not compile', () => {
  // @ts-expect-error: a number is not an event
  sse([1, 2])
  // @ts-expect-error: has no field of an event
  sse([{ price: 3 }])
  // @ts-expect-error: null is not an id
  sse([{ id: null }])
  // @ts-expect-error: misspelt
  sse([], { heartbeat: 5 })
})

test('a channel knows its items', () => {
  type Price = { event: 'price'; data: { cents: number } }
  const channel = createChannel<Price>()
  expectTypeOf(channel.publish({ event: 'price', data: { cents: 1 } })).toEqualTypeOf<Promise<string>>()
  channel.subscribe({ filter: ({ data }) => data.cents > 1 })
  // @ts-expect-error: no price
  void channel.publish({ event: 'other', data: { cents: 1 } })
  // @ts-expect-error: misspelt
  createChannel({ replay: { count: 1 } })
  expectTypeOf(channel.on('join', ({ member }) => member)).toEqualTypeOf<() => void>()
})

test('parts of a wire are those of its format', () => {
  sseWire(() => ['text', { type: 'data-x' }], uiMessageWire())
  sseWire(() => ['text', { finishReason: 'stop' }], chatWire({ model: 'm' }))
  // @ts-expect-error: a number is no part
  sseWire(() => [1], chatWire({ model: 'm' }))
  createRun(() => ['text'])
})

test('a client knows the data of each event by its name', async () => {
  for await (const event of connectEvents<{ tick: { id: number }; message: string }>('/')) {
    if (event.type === 'tick') expectTypeOf(event.data).toEqualTypeOf<{ id: number }>()
    else expectTypeOf(event.data).toEqualTypeOf<string>()
  }
})

declare function strings(): Generator<string>
declare function events(): AsyncGenerator<{ id: string; event?: string; data: { price: number } }>
