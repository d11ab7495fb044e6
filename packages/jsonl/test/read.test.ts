import { bodyOf } from '@catzilla/testkit'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonl, readJsonl, type JsonlBody, type ReadJsonlOptions } from '../src/index.ts'

async function read(source: JsonlBody, options?: ReadJsonlOptions): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const row of readJsonl(source, options)) rows.push(row)
  return rows
}

const failure = async (source: JsonlBody, options?: ReadJsonlOptions) => {
  try {
    await read(source, options)
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  throw new Error('nothing was thrown')
}

describe('records', () => {
  test.each<[what: string, body: string, rows: unknown[]]>([
    ['lines', '{"a":1}\n2\n', [{ a: 1 }, 2]],
    ['CRLF', '{"a":1}\r\n2\r\n', [{ a: 1 }, 2]],
    ['empty lines', '\n\n1\n \n\r\n2\n\n', [1, 2]],
    ['a last line that is whole by itself', '1\n{"a":1}', [1, { a: 1 }]],
    ['a JSON text sequence', '\x1e{"a":1}\n\x1e2\n\x1e"x"\n', [{ a: 1 }, 2, 'x']],
    ['a sequence with empty records', '\x1e\x1e1\n\x1e\n', [1]],
    ['nothing', '', []],
    ['a byte order mark', '\uFEFF1\n', [1]],
  ])('%s', async (_what, body, rows) => {
    expect(await read(new Response(body))).toEqual(rows)
    expect(await read(new Response(body).body!)).toEqual(rows)
    expect(await read([new TextEncoder().encode(body)])).toEqual(rows)
  })

  test('any rows, cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('ndjson', 'json-seq'),
        async (rows, sizes, frame) => {
          const bytes = Buffer.from(await bodyOf(jsonl(rows, { frame, endMarker: true })))
          const pieces: Uint8Array[] = []
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length]!
            pieces.push(bytes.subarray(at, (at += size)))
          }
          const expected = JSON.parse(JSON.stringify(rows)) as unknown[]
          expect(await read(pieces, { markers: true })).toEqual(expected)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('errors', () => {
  test('a line that is no JSON is named', async () => {
    expect(await failure(['1\n{a}\n2\n'])).toBe('CZ_JSONL_PARSE: Line 2 is no JSON ("{a}")')
  })

  test.each<[what: string, body: string]>([
    ['a number that may go on', '1\n12'],
    ['a literal that may go on', '1\ntrue'],
    ['half a record', '1\n{"a":'],
  ])('a body that ends in %s is cut short', async (_what, body) => {
    expect(await failure([body])).toContain('CZ_JSONL_TRUNCATED: Line 2 is cut short')
  })

  test('a record of a sequence that begins in another is cut short', async () => {
    expect(await failure(['\x1e{"a":\x1e2\n'])).toContain('CZ_JSONL_TRUNCATED: Line 1 is cut short')
  })

  test('a line has a longest length, also while it comes', async () => {
    expect(await read([`"${'x'.repeat(8)}"\n`], { maxLineLength: 10 })).toEqual(['x'.repeat(8)])
    const endless = (async function* () {
      for (;;) yield 'x'.repeat(1000)
    })()
    expect(await failure(endless, { maxLineLength: 10_000 })).toBe(
      'CZ_JSONL_LINE: Line 1 is longer than 10000 characters; raise maxLineLength if it may be',
    )
  })

  test('an answer that is no success is not read', async () => {
    expect(await failure(new Response('no', { status: 503 }))).toContain(
      'CZ_JSONL_SOURCE: The answer is no success (status 503)',
    )
    expect(await failure(undefined as never)).toContain('CZ_JSONL_SOURCE')
    expect(await read(new Response(null, { status: 204 }))).toEqual([])
  })

  test('unknown options are named', async () => {
    expect(await failure([], { maxLine: 1 } as object)).toContain('CZ_JSONL_OPTION: Unknown option "maxLine"')
    expect(await failure([], { maxLineLength: 0 })).toContain('CZ_JSONL_OPTION: maxLineLength must be')
  })
})

describe('markers', () => {
  test('the end that was promised has to come', async () => {
    const body = await bodyOf(jsonl([1, 2], { endMarker: true }))
    expect(await read([body], { markers: true })).toEqual([1, 2])
    expect(await failure([body.slice(0, 2)], { markers: true })).toBe(
      'CZ_JSONL_TRUNCATED: The body ends without its end marker',
    )
    expect(await read([body])).toEqual([1, 2, { $end: { rows: 2 } }])
  })

  test('a failure that is told is an error', async () => {
    const body = await bodyOf(jsonl<unknown>([1, 2n], { failure: 'tell' }))
    const rows: unknown[] = []
    const reading = async () => {
      for await (const row of readJsonl([body], { markers: true })) rows.push(row)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'CZ_JSONL_FAILED', cause: { code: 'CZ_JSONL_BIGINT' } })
    expect(rows).toEqual([1])
  })

  test('rows that look like one by more than that are rows', async () => {
    const rows = [{ $end: 1, a: 2 }, { $error: 1, a: 2 }, ['$end'], null]
    expect(await read([await bodyOf(jsonl(rows, { endMarker: true }))], { markers: true })).toEqual(rows)
  })
})

describe('leaving', () => {
  function body(chunks = ['1\n']) {
    const journal: string[] = []
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      },
      cancel: () => void journal.push('cancelled'),
    })
    return { stream, journal }
  }

  test('the loop cancels the body', async () => {
    const { stream, journal } = body()
    for await (const row of readJsonl(stream)) {
      expect(row).toBe(1)
      break
    }
    expect(journal).toEqual(['cancelled'])
  })

  test('by the signal, while a chunk is awaited', async () => {
    const { stream, journal } = body()
    const controller = new AbortController()
    const reason = new Error('enough')
    const rows: unknown[] = []
    const reading = (async () => {
      for await (const row of readJsonl(stream, { signal: controller.signal })) {
        rows.push(row)
        setImmediate(() => controller.abort(reason))
      }
    })()
    await expect(reading).rejects.toBe(reason)
    expect([rows, journal]).toEqual([[1], ['cancelled']])
  })

  test('by a signal that has fired already', async () => {
    const { stream, journal } = body()
    await expect(read(stream, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    expect(journal).toEqual(['cancelled'])
  })

  test('an error of the body is the error of the loop', async () => {
    const stream = new ReadableStream({
      start: (controller) => controller.error(new Error('reset')),
    })
    await expect(read(stream)).rejects.toThrow('reset')
  })
})
