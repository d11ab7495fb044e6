import { bodyOf, ScriptedSource, sendInMemory } from '@catzilla/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StreamingResponse, type StreamItem } from '@catzilla/streaming'

const KIB = 1024

// The clock stands still, so that no turn is over by time.
beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1))
afterEach(() => void vi.restoreAllMocks())

/** Items, then a wait: what has left by then are the frames of one burst. */
async function framesOf(...items: StreamItem[]): Promise<StreamItem[]> {
  const exchange = sendInMemory(
    new StreamingResponse(function* () {
      yield* items
      yield new Promise<string>(() => {})
    }),
  )
  await new Promise(setImmediate)
  exchange.handle!.stop('shutdown', new Error('enough seen'))
  return exchange.sink.frames
}

/** The lengths of the frames of a long source. */
async function frameSizes(item: StreamItem, count: number): Promise<number[]> {
  const exchange = sendInMemory(new StreamingResponse(Array.from({ length: count }, () => item)))
  await exchange.end()
  return exchange.sink.sizes
}

test('items of one turn are one frame', async () => {
  expect(await framesOf('one ', 'two ', 'three')).toEqual(['one two three'])
})

test('a frame leaves as soon as the source makes us wait', async () => {
  const script = new ScriptedSource('one')
  const { sink } = sendInMemory(new StreamingResponse(script))
  await script.journal.first('next')
  await new Promise(setImmediate)
  expect(sink.frames).toEqual(['one'])
  expect(sink.calls).toEqual(['write 3', 'flush'])
  script.give('two')
  await new Promise(setImmediate)
  expect(sink.frames).toEqual(['one', 'two'])
  script.end()
})

test('two items that a source gives in one turn of the loop, a microtask apart, share a frame', async () => {
  const source = async function* () {
    yield 'one '
    await Promise.resolve()
    yield 'two '
    await new Promise(setImmediate)
    yield 'three'
  }
  const exchange = sendInMemory(new StreamingResponse(source))
  await exchange.end()
  expect(exchange.sink.frames).toEqual(['one two ', 'three'])
})

test('the first frame is small, later ones grow to 32 KiB', async () => {
  const sizes = await frameSizes('x'.repeat(64), 4_000)
  expect(sizes.slice(0, 5)).toEqual([KIB / 2, 2 * KIB, 8 * KIB, 32 * KIB, 32 * KIB])
})

test('frames of bytes grow as those of text do', async () => {
  const sizes = await frameSizes(Buffer.alloc(64), 4_000)
  expect(sizes.slice(0, 5)).toEqual([KIB / 2, 2 * KIB, 8 * KIB, 32 * KIB, 32 * KIB])
})

test('the number of items does not end a frame', async () => {
  const [frame, ...others] = await framesOf(...Array.from({ length: 500 }, () => 'x'))
  expect(frame).toHaveLength(500)
  expect(others).toEqual([])
})

test('an item is never split over frames', async () => {
  const large = 'large'.repeat(100_000)
  expect(await framesOf('small', large)).toEqual(['small' + large])
})

test('text and bytes are frames of their own, in order', async () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
  const frames = await framesOf('a', 'b', bytes('c'), bytes('d'), 'e')
  expect(frames).toEqual(['ab', bytes('cd'), 'e'])
})

test('small bytes are copied, so that a source may reuse its buffer', async () => {
  const reused = Buffer.alloc(1)
  const body = await bodyOf(
    new StreamingResponse(function* () {
      for (const letter of 'abc') {
        reused.write(letter)
        yield reused
      }
    }),
  )
  expect(body).toBe('abc')
})

test('large bytes are handed on without a copy', async () => {
  const large = new Uint8Array(16 * KIB)
  const [frame] = await framesOf(large)
  expect(frame).toBe(large)
})

test('bytes that are larger than a frame, but small enough to copy, are one frame', async () => {
  const sizes = await frameSizes(Buffer.alloc(10_000), 1)
  expect(sizes).toEqual([10_000])
})

test('empty items make no frame, and split none', async () => {
  expect(await framesOf('', new Uint8Array(0))).toEqual([])
  expect(await framesOf('a', new Uint8Array(0), 'b')).toEqual(['ab'])
})

test('encode may give text for one item and bytes for another', async () => {
  const response = new StreamingResponse([1, 2, 3], {
    encode: (item) => (item === 2 ? Buffer.from('two') : `${item}`),
  })
  expect(await bodyOf(response)).toBe('1two3')
})

test('the tail leaves with the last frame', async () => {
  const exchange = sendInMemory(new StreamingResponse(['[', '1'], { tail: () => ']' }))
  await exchange.end()
  expect(exchange.sink.calls).toEqual(['write 3', 'end'])
  expect(exchange.sink.text).toBe('[1]')
})

test('a tail of another kind than the last item follows it', async () => {
  expect(await bodyOf(new StreamingResponse(['text'], { tail: () => Buffer.from('bytes') }))).toBe('textbytes')
  expect(await bodyOf(new StreamingResponse([Buffer.from('bytes')], { tail: () => 'text' }))).toBe('bytestext')
})

test('a lead leaves with the first item', async () => {
  const encoder = () => ({ lead: () => '[', tail: () => ']' })
  const script = new ScriptedSource()
  const exchange = sendInMemory(new StreamingResponse(script, { encoder }))
  await new Promise(setImmediate)
  expect(exchange.sink.calls).toEqual([])
  script.give('1')
  await new Promise(setImmediate)
  expect(exchange.sink.frames).toEqual(['[1'])
  script.end()
  await exchange.end()
  expect(exchange.sink.text).toBe('[1]')
})

test('a lead leaves at once with an eager head', async () => {
  const script = new ScriptedSource()
  const { sink } = sendInMemory(new StreamingResponse(script, { head: 'eager', encoder: () => ({ lead: () => '[' }) }))
  await new Promise(setImmediate)
  expect(sink.frames).toEqual(['['])
  sink.lose()
})

test('a lead and a tail are the body of a source without items', async () => {
  expect(await bodyOf(new StreamingResponse([], { encoder: () => ({ lead: () => '[', tail: () => ']' }) }))).toBe('[]')
})

test('an encoder is made for each response that is opened', async () => {
  const numbered = () => {
    let count = 0
    return { encode: (item: string) => `${++count} ${item} ` }
  }
  const response = new StreamingResponse(['one', 'two'], { encoder: numbered })
  expect(await bodyOf(response)).toBe('1 one 2 two ')
  expect(await bodyOf(response)).toBe('1 one 2 two ')
})

test('there may be no tail', async () => {
  expect(await bodyOf(new StreamingResponse(['body'], { tail: () => undefined }))).toBe('body')
})
