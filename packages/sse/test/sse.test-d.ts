import type { StreamingResponse } from '@catzilla/streaming'
import { expectTypeOf, test } from 'vitest'
import { sse, type SseItem } from '../src/index.ts'

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

declare function strings(): Generator<string>
declare function events(): AsyncGenerator<{ id: string; event?: string; data: { price: number } }>
