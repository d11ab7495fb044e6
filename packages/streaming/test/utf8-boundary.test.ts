import { describe, expect, test } from 'vitest'
import { Utf8Boundary } from '../src/utf8-boundary.ts'

/** Characters of 1 to 4 bytes, the first and last of each size, and of the gap between U+D7FF and U+E000. */
const TEXT = 'a\u007f\u0080é\u07ff\u0800€\ud7ff\ue000\uffff😀\u{10ffff}z'

const INVALID: Record<string, number[]> = {
  'a continuation alone': [0x80],
  'continuations only': [0xbf, 0xbf, 0xbf, 0xbf, 0xbf],
  'overlong, 2 bytes': [0xc0, 0x80],
  'overlong, 3 bytes': [0xe0, 0x9f, 0xbf],
  'overlong, 4 bytes': [0xf0, 0x8f, 0xbf, 0xbf],
  'a surrogate': [0xed, 0xa0, 0x80],
  'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  'bytes that no UTF-8 has': [0xf5, 0x80, 0xff, 0xfe],
  'a beginning without its end': [0xe2, 0x82, 0x41],
  'a beginning after a beginning': [0xf0, 0x9f, 0xe2, 0x82, 0xac],
  'a continuation too many': [0xc3, 0xa9, 0xa9, 0x41],
}

/** Gives the chunks, and says what came out for each and at the end. */
function pass<Chunk>(chunks: readonly Chunk[]) {
  const boundary = new Utf8Boundary()
  const pieces = chunks.map((chunk) => boundary.take(chunk) as Chunk | undefined)
  return { pieces, rest: boundary.end() as Chunk | undefined }
}

const joined = (pieces: readonly (Uint8Array | undefined)[]) =>
  Buffer.concat(pieces.map((piece) => piece ?? Buffer.alloc(0)))

/** Bytes at the end that may still become a character, by a decoder that is not ours. */
function unfinished(bytes: Uint8Array): number {
  for (const count of [3, 2, 1]) {
    const tail = bytes.subarray(Math.max(bytes.length - count, 0))
    try {
      if (tail.length === count && new TextDecoder('utf-8', { fatal: true }).decode(tail, { stream: true }) === '')
        return count
    } catch {
      // It is no beginning of a character.
    }
  }
  return 0
}

test('a text cut anywhere, twice, leaves in whole characters', () => {
  const bytes = Buffer.from(TEXT)
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const { pieces, rest } = pass([bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)])
      expect(pieces.map((piece) => strict.decode(piece)).join('')).toBe(TEXT)
      expect(rest).toBeUndefined()
    }
  }
})

test('a text that comes byte by byte leaves character by character', () => {
  const { pieces } = pass([...Buffer.from(TEXT)].map((byte) => Uint8Array.of(byte)))
  expect(pieces.filter((piece) => piece !== undefined).map((piece) => Buffer.from(piece).toString())).toEqual(
    Array.from(TEXT),
  )
})

test.each(Object.entries(INVALID))('%s: nothing is changed, wherever it is cut', (_name, invalid) => {
  const bytes = Buffer.from([0x61, ...invalid, 0x62])
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const { pieces, rest } = pass([bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)])
      expect(joined([...pieces, rest])).toEqual(bytes)
    }
  }
})

test('of any bytes, only those are held that may still become a character', () => {
  // Bytes that matter to UTF-8 more often than others; the same ones in each run.
  const alphabet = [0x61, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff]
  let seed = 1
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
  for (let run = 0; run < 2_000; run++) {
    const boundary = new Utf8Boundary()
    const given: Buffer[] = []
    const passed: Uint8Array[] = []
    for (let chunk = 0; chunk < 4; chunk++) {
      given.push(Buffer.from(Array.from({ length: random(5) }, () => alphabet[random(alphabet.length)]!)))
      passed.push((boundary.take(given.at(-1)) as Uint8Array | undefined) ?? Buffer.alloc(0))
      const all = Buffer.concat(given)
      const text = all.toString('hex')
      expect({ text, held: all.length - joined(passed).length }).toEqual({ text, held: unfinished(all) })
    }
    expect(joined([...passed, boundary.end() as Uint8Array | undefined])).toEqual(Buffer.concat(given))
  }
})

test('a chunk that ends well goes on as the object that it is', () => {
  const whole = Buffer.from('whole €')
  expect(new Utf8Boundary().take(whole)).toBe(whole)
})

test('what is held does not keep the chunk in memory', () => {
  const boundary = new Utf8Boundary()
  boundary.take(Buffer.concat([Buffer.alloc(100_000, 'a'), Buffer.from('€').subarray(0, 2)]))
  expect((boundary.end() as Uint8Array).buffer.byteLength).toBeLessThan(16_384)
})

describe('of strings', () => {
  test('a surrogate pair cut in two leaves whole', () => {
    expect(pass(['a\ud83d', '\ude00b']).pieces).toEqual(['a', '😀b'])
    expect(pass(['\ud83d', '\ude00']).pieces).toEqual([undefined, '😀'])
  })

  test('half a pair at the end is given back', () => {
    expect(pass(['a\ud83d']).rest).toBe('\ud83d')
  })
})

test('text and bytes may come mixed', () => {
  const euro = Buffer.from('€')
  const { pieces, rest } = pass<string | Uint8Array>([
    'a',
    euro.subarray(0, 1),
    euro.subarray(1),
    'b',
    euro.subarray(0, 2),
    'c',
  ])
  expect(Buffer.concat([...pieces, rest].map((piece) => Buffer.from(piece ?? '')))).toEqual(
    Buffer.concat([Buffer.from('a€b'), euro.subarray(0, 2), Buffer.from('c')]),
  )
})
