import { bodyOf, sendInMemory } from '@catzilla/testkit'
import { Parser } from 'json-text-sequence'
import { describe, expect, test } from 'vitest'
import { jsonl, type JsonlOptions } from '../src/index.ts'

const rows = [{ id: 1 }, { id: 2, name: 'a\nb' }]
const one = (row: unknown, options?: JsonlOptions) => bodyOf(jsonl([row], options))

/** The same rows, one by one. */
async function* oneByOne(source: readonly unknown[] = rows) {
  for (const row of source) yield await Promise.resolve(row)
}

describe('frames', () => {
  test.each<[name: string, options: JsonlOptions, type: string, body: string, none: string]>([
    ['ndjson', {}, 'application/x-ndjson', '{"id":1}\n{"id":2,"name":"a\\nb"}\n', ''],
    ['ndjson with its end', { endMarker: true }, 'application/x-ndjson', '{"id":1}\n{"id":2,"name":"a\\nb"}\n{"$end":{"rows":2}}\n', '{"$end":{"rows":0}}\n'],
    ['json-seq', { frame: 'json-seq' }, 'application/json-seq', '\x1e{"id":1}\n\x1e{"id":2,"name":"a\\nb"}\n', ''],
    ['json-seq with its end', { frame: 'json-seq', endMarker: true }, 'application/json-seq', '\x1e{"id":1}\n\x1e{"id":2,"name":"a\\nb"}\n\x1e{"$end":{"rows":2}}\n', '\x1e{"$end":{"rows":0}}\n'],
    ['array', { frame: 'array' }, 'application/json', '[{"id":1},\n{"id":2,"name":"a\\nb"}]\n', '[]\n'],
    ['envelope', { frame: 'envelope' }, 'application/json', '{"rows":[{"id":1},\n{"id":2,"name":"a\\nb"}]}\n', '{"rows":[]}\n'],
    ['envelope with head and tail', { frame: 'envelope', envelope: { head: { v: 1 }, key: 'items', tail: ({ rows, last }) => ({ count: rows, cursor: (last as { id: number } | undefined)?.id ?? null }) } }, 'application/json', '{"v":1,"items":[{"id":1},\n{"id":2,"name":"a\\nb"}],"count":2,"cursor":2}\n', '{"v":1,"items":[],"count":0,"cursor":null}\n'],
    ['event-stream', { frame: 'event-stream' }, 'text/event-stream', 'data: {"id":1}\n\ndata: {"id":2,"name":"a\\nb"}\n\n', ''],
    ['event-stream with its end', { frame: 'event-stream', endMarker: true }, 'text/event-stream', 'data: {"id":1}\n\ndata: {"id":2,"name":"a\\nb"}\n\nevent: end\ndata: {"rows":2}\n\n', 'event: end\ndata: {"rows":0}\n\n'],
  ])('%s', async (_name, options, type, body, none) => {
    expect(await bodyOf(jsonl(rows, options))).toBe(body)
    expect(await bodyOf(jsonl(oneByOne(), options))).toBe(body)
    expect(await bodyOf(jsonl([], options))).toBe(none)
    const head = jsonl(rows, options).fields[0]
    expect(head).toEqual(['content-type', type])
  }) // prettier-ignore

  test('rows that are skipped leave no separator', async () => {
    const options = { frame: 'array', undefinedRows: 'skip' } as const
    expect(await bodyOf(jsonl([undefined, 1, undefined, 2, undefined], options))).toBe('[1,\n2]\n')
    expect(await bodyOf(jsonl(oneByOne([undefined, 1, undefined, 2]), options))).toBe('[1,\n2]\n')
    expect(await one(undefined, { frame: 'array', undefinedRows: 'null' })).toBe('[null]\n')
  })

  test('a JSON text sequence is read by a reader that is not ours', async () => {
    const parser = new Parser()
    const read: unknown[] = []
    parser.on('data', (row: unknown) => read.push(row))
    const values = [1, 'a', true, { a: [{}] }, '\x1e'] // null would be the end of that reader's stream.
    parser.end(Buffer.from(await bodyOf(jsonl(values, { frame: 'json-seq' }))))
    await new Promise((resolve) => parser.on('end', resolve))
    expect(read).toEqual(values)
  })

  test('an event stream is for EventSource, and not for caches', () => {
    const exchange = sendInMemory(jsonl(rows, { frame: 'event-stream' }))
    expect(exchange.head!.fields).toEqual([
      ['content-type', 'text/event-stream'],
      ['cache-control', 'no-store, no-transform'],
      ['x-accel-buffering', 'no'],
    ])
  })

  test('what is no object is no part of an envelope', async () => {
    const options = { frame: 'envelope', envelope: { tail: () => [1] } } as const
    expect(await sendInMemory(jsonl(rows, options)).end()).toMatchObject({ error: { code: 'CZ_JSONL_OPTION' } })
  })
})

describe('Accept', () => {
  const frame = ['ndjson', 'array', 'json-seq', 'event-stream'] as const
  const asked = async (accept: string | undefined, frames: readonly (typeof frame)[number][] = frame) => {
    const exchange = sendInMemory(jsonl([1], { frame: frames, status: 203, headers: { 'x-one': '1' } }), {
      ...(accept !== undefined && { headers: { accept } }),
    })
    const end = await exchange.end()
    if (end.outcome !== 'completed') throw end.error as Error
    expect(exchange.head!.fields.find(([name]) => name === 'vary')).toEqual(['vary', 'Accept'])
    expect(exchange.head!.fields).toContainEqual(['x-one', '1'])
    return `${exchange.head!.fields[0]![1]} ${JSON.stringify(exchange.sink.text)}`
  }

  test.each([
    [undefined, 'application/x-ndjson "1\\n"'],
    ['*/*', 'application/x-ndjson "1\\n"'],
    ['application/json', 'application/json "[1]\\n"'],
    ['application/json-seq', 'application/json-seq "\\u001e1\\n"'],
    ['application/jsonl', 'application/jsonl "1\\n"'],
    ['application/ndjson, application/json;q=0.9', 'application/ndjson "1\\n"'],
    ['application/x-ndjson;q=0.5, application/json', 'application/json "[1]\\n"'],
    ['text/html, text/*;q=0.4', 'text/event-stream "data: 1\\n\\n"'],
    ['TEXT/EVENT-STREAM', 'text/event-stream "data: 1\\n\\n"'],
    ['application/*', 'application/x-ndjson "1\\n"'],
    ['application/*, application/x-ndjson;q=0, application/jsonl;q=0, application/ndjson;q=0, application/x-jsonlines;q=0', 'application/json "[1]\\n"'],
    ['*/*;q=0.1, application/json;q=0.2', 'application/json "[1]\\n"'],
  ])('%s', async (accept, expected) => {
    expect(await asked(accept)).toBe(expected)
  }) // prettier-ignore

  test.each(['text/html', 'application/json;q=0', 'image/*', '', 'application/json;q=2'])(
    '%j is answered with 406',
    async (accept) => {
      await expect(asked(accept, ['array'])).rejects.toMatchObject({ code: 'CZ_JSONL_ACCEPT', status: 406 })
    },
  )

  test('one frame is not a matter of Accept', async () => {
    const exchange = sendInMemory(jsonl([1], { frame: 'array' }), { headers: { accept: 'text/html' } })
    expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
    expect(exchange.head!.fields).toEqual([['content-type', 'application/json']])
  })
})

describe('failure behind the first row', () => {
  function* failing() {
    yield { id: 1 }
    throw new Error('secret')
  }
  async function* failingLate() {
    yield { id: 1 }
    await Promise.resolve()
    throw new Error('secret')
  }
  const bad = [{ id: 1 }, { id: 1n }, { id: 3 }]

  test.each([
    ['ndjson', '{"id":1}\n{"$error":{"code":"failed"}}\n'],
    ['json-seq', '\x1e{"id":1}\n\x1e{"$error":{"code":"failed"}}\n'],
    ['array', '[{"id":1},\n{"$error":{"code":"failed"}}]\n'],
    ['envelope', '{"rows":[{"id":1}],"error":{"code":"failed"}}\n'],
    ['event-stream', 'data: {"id":1}\n\nevent: failure\ndata: {"code":"failed"}\n\n'],
  ] as const)('%s tells of it on request, and ends well', async (frame, body) => {
    for (const source of [failing, failingLate]) {
      const exchange = sendInMemory(jsonl<unknown>(source, { frame, failure: 'tell', endMarker: true }))
      expect(await exchange.end()).toMatchObject({ outcome: 'completed' })
      expect(exchange.sink.text).toBe(body)
    }
    for (const source of [bad, oneByOne(bad)]) {
      const body = await bodyOf(jsonl<unknown>(source, { frame, failure: 'tell', endMarker: true }))
      expect(body).toContain('{"code":"CZ_JSONL_BIGINT"}')
      expect(body).not.toContain('3}')
      expect(body).not.toContain('$end')
    }
  })

  test.each(['ndjson', 'json-seq', 'array', 'envelope', 'event-stream'] as const)(
    '%s breaks off otherwise',
    async (frame) => {
      for (const source of [failing, failingLate, bad, oneByOne(bad)]) {
        const exchange = sendInMemory(jsonl<unknown>(source, { frame, endMarker: true }))
        expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: true })
        expect(exchange.sink.aborted).toBeDefined()
        expect(exchange.sink.text).toMatch(/\{"id":1\}\s*$/)
      }
    },
  )

  test('an own function says what is told', async () => {
    const failure = (error: unknown) => ({ why: (error as Error).message })
    expect(await bodyOf(jsonl(failing, { failure }))).toBe('{"id":1}\n{"$error":{"why":"secret"}}\n')
    expect(await bodyOf(jsonl(failing, { failure: () => undefined }))).toBe('{"id":1}\n{"$error":null}\n')
  })

  test('before the first row it is a status of its own', async () => {
    function* atOnce(): Generator<number> {
      throw new Error('no')
    }
    for (const source of [atOnce, [1n]]) {
      const exchange = sendInMemory(jsonl<unknown>(source, { failure: 'tell', frame: 'array' }))
      expect(await exchange.end()).toMatchObject({ outcome: 'source-error', committed: false })
      expect(exchange.sink.text).toBe('')
    }
  })
})

describe('values that come bit by bit', () => {
  function* numbers() {
    yield 1
    yield { a: 2 }
  }
  async function* letters() {
    yield 'a'
    yield (function* () {
      yield 'b'
    })()
  }

  test.each<[what: string, row: () => unknown, line: string]>([
    ['a generator', () => ({ id: 1, items: numbers() }), '{"id":1,"items":[1,{"a":2}]}'],
    ['an async generator with a generator', () => ({ items: letters(), id: 1 }), '{"items":["a",["b"]],"id":1}'],
    ['deep inside', () => [{ a: { b: [0, numbers()], c: {} } }], '[{"a":{"b":[0,[1,{"a":2}]],"c":{}}}]'],
    ['a row that is a generator', numbers, '[1,{"a":2}]'],
    ['a Set', () => ({ s: new Set([1, 2]) }), '{"s":[1,2]}'],
    ['an empty one', () => ({ s: new Set() }), '{"s":[]}'],
    ['a promise', () => ({ p: Promise.resolve({ a: 1 }), q: Promise.resolve(undefined) }), '{"p":{"a":1}}'],
    ['a web stream', () => ({ s: ReadableStream.from(['x', {}]) }), '{"s":["x",{}]}'],
    ['undefined in a generator', () => ({ s: new Set([undefined, () => 1]) }), '{"s":[null,null]}'],
    ['objects that are empty', () => ({ a: {}, b: [{}] }), '{"a":{},"b":[{}]}'],
  ])('%s', async (_what, make, line) => {
    const row = () => (make === numbers ? numbers() : make())
    expect(await one(row())).toBe(`${line}\n`)
    expect(await bodyOf(jsonl(oneByOne([row(), 2])))).toBe(`${line}\n2\n`)
    expect(await bodyOf(jsonl([0, row(), 2], { frame: 'array' }))).toBe(`[0,\n${line},\n2]\n`)
    expect(await one(row(), { frame: 'event-stream' })).toBe(`data: ${line}\n\n`)
  })

  test('arrives while it comes', async () => {
    let go!: () => void
    const gate = new Promise<void>((resolve) => (go = resolve))
    async function* slow() {
      yield 1
      await gate
      yield 2
    }
    const exchange = sendInMemory(jsonl([{ items: slow() }]))
    while (!exchange.sink.text.includes('1')) await new Promise((resolve) => setImmediate(resolve))
    expect(exchange.sink.text).toBe('{"items":[1')
    go()
    await exchange.end()
    expect(exchange.sink.text).toBe('{"items":[1,2]}\n')
  })

  test('is returned at once when the client leaves, and so is the source', async () => {
    const journal: string[] = []
    const never = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          journal.push('value')
          return { done: true, value: undefined } as const
        },
      }),
    }
    function* source() {
      try {
        yield { items: never }
      } finally {
        journal.push('source')
      }
    }
    const exchange = sendInMemory(jsonl(source))
    while (!exchange.sink.text.includes('[')) await new Promise((resolve) => setImmediate(resolve))
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
    expect(journal.toSorted()).toEqual(['source', 'value'])
  })

  test('that fails breaks the body off, whatever is told otherwise', async () => {
    function* failing() {
      yield 1
      throw new Error('no')
    }
    const exchange = sendInMemory(jsonl([1, { items: failing() }], { failure: 'tell' }))
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { message: 'no' } })
    expect(exchange.sink.text).toBe('1\n{"items":[1')
  })

  test('with a Map in it is refused where it stands', async () => {
    const exchange = sendInMemory(jsonl([{ items: new Set([new Map()]) }]))
    expect(await exchange.end()).toMatchObject({ error: { code: 'CZ_JSONL_ROW' } })
  })
})

describe('rules', () => {
  test('BigInt', async () => {
    const row = { a: 1n, b: [-(2n ** 70n)], c: '12' }
    expect(await one(row, { bigint: 'string' })).toBe('{"a":"1","b":["-1180591620717411303424"],"c":"12"}\n')
    expect(await one(row, { bigint: 'number' })).toBe('{"a":1,"b":[-1180591620717411303424],"c":"12"}\n')
    expect(await bodyOf(jsonl(oneByOne([row]), { bigint: 'number' }))).toBe(
      '{"a":1,"b":[-1180591620717411303424],"c":"12"}\n',
    )
  })

  test('dates', async () => {
    const row = { at: new Date(5), in: [new Date(0)], bad: new Date(Number.NaN) }
    expect(await one(row)).toBe('{"at":"1970-01-01T00:00:00.005Z","in":["1970-01-01T00:00:00.000Z"],"bad":null}\n')
    expect(await one(row, { date: 'milliseconds' })).toBe('{"at":5,"in":[0],"bad":null}\n')
  })

  test('escapes', async () => {
    const row = { '</script>': '<!-- \u2028\u2029 ü </script>', n: ['<'], long: `<${'x'.repeat(200)}` }
    const long = 'x'.repeat(200)
    expect(await one(row)).toBe(`{"</script>":"<!-- \u2028\u2029 ü </script>","n":["<"],"long":"<${long}"}\n`)
    expect(await one(row, { escape: 'javascript' })).toBe(
      `{"</script>":"<!-- \\u2028\\u2029 ü </script>","n":["<"],"long":"<${long}"}\n`,
    )
    const html = await one(row, { escape: 'html' })
    expect(html).not.toMatch(/[<\u2028\u2029]/)
    expect(JSON.parse(html)).toEqual(row)
    expect(await bodyOf(jsonl(oneByOne([row]), { escape: 'html' }))).toBe(html)
  })
})
