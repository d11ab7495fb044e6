import { sendInMemory } from '@catzilla/testkit'
import { describe, expect, test } from 'vitest'
import { openRows, Utf8Writer, type RowEncoder } from '../../src/format.ts'
import { StreamingResponse, Topic, type StreamRequest } from '../../src/index.ts'

/** Rows of text in brackets: `[…]` where they went through a batch, `(…)` where they came alone. */
class Brackets implements RowEncoder {
  protected readonly batch = new Utf8Writer()

  get size(): number {
    return this.batch.size
  }

  add(row: unknown): void {
    this.batch.text('[')
    if (row === 'bad') {
      this.batch.rollback()
      throw new Error('bad row')
    }
    this.batch.text(`${String(row)}]`)
    this.batch.commit()
  }

  encode(row: unknown): string {
    if (row === 'bad') throw new Error('bad row')
    return `(${String(row)})`
  }

  takeBatch(): Uint8Array {
    return this.batch.take()
  }

  tail(): string {
    return '.'
  }
}

class Rows extends StreamingResponse<unknown> {
  constructor(
    source: unknown,
    private readonly make: () => RowEncoder = () => new Brackets(),
  ) {
    super(source as Iterable<unknown>, { encode: String })
  }

  override open(request: StreamRequest) {
    return openRows(super.open(request), request, this.make())
  }
}

async function send(source: unknown, make?: () => RowEncoder) {
  const exchange = sendInMemory(new Rows(source, make))
  const { outcome, error, committed } = await exchange.end()
  return { text: exchange.sink.text, outcome, error: (error as Error | undefined)?.message, committed }
}

describe('rows', () => {
  test('that are at hand go in batches', async () => {
    expect(await send(['a', 'b'])).toMatchObject({ text: '[a][b].', outcome: 'completed' })
    expect(await send(() => ['a'])).toMatchObject({ text: '[a].' })
    expect(await send([])).toMatchObject({ text: '.' })
  })

  test('that are waited for go alone, in their order', async () => {
    async function* source() {
      yield 'a'
      yield 'b'
    }
    expect(await send(source)).toMatchObject({ text: '(a)(b).' })
    expect(await send(['a', Promise.resolve('b'), 'c', 'd', Promise.resolve('e')])).toMatchObject({
      text: '[a](b)[c][d](e).',
    })
  })

  test('of a topic arrive, and its end', async () => {
    const topic = new Topic<string>({ encode: String })
    const sending = send(topic.subscribe())
    topic.publish('a')
    topic.close()
    expect((await sending).outcome).toBe('completed')
  })

  test('a batch ends at its size', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `row number ${i}`)
    const exchange = sendInMemory(new Rows(rows))
    await exchange.end()
    expect(exchange.sink.text).toBe(`${rows.map((row) => `[${row}]`).join('')}.`)
    expect(exchange.sink.sizes[0]).toBeLessThan(2200)
    expect(Math.max(...exchange.sink.sizes)).toBeLessThan(66_000)
  })

  test('are not pulled while the peer is behind', async () => {
    let pulled = 0
    function* source() {
      for (;;) {
        pulled++
        yield 'x'.repeat(100)
      }
    }
    const exchange = sendInMemory(new Rows(source), { room: 1000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(pulled).toBeLessThan(130) // Two frames of rows.
    exchange.sink.lose()
    expect(await exchange.end()).toMatchObject({ outcome: 'client-abort' })
  })

  test('that are slow to make leave before the batch is full', async () => {
    const exchange = sendInMemory(
      new Rows(function* () {
        for (let i = 0; i < 20; i++) {
          const until = performance.now() + 1
          while (performance.now() < until);
          yield i
        }
      }),
    )
    await exchange.end()
    expect(exchange.sink.sizes.length).toBeGreaterThan(4)
  })
})

describe('failures', () => {
  test('of the source come behind the rows before', async () => {
    function* source() {
      yield 'a'
      throw new Error('no more')
    }
    expect(await send(source)).toEqual({ text: '[a]', outcome: 'source-error', error: 'no more', committed: true })
  })

  test('of the first row leave nothing', async () => {
    expect(await send(['bad'])).toEqual({ text: '', outcome: 'source-error', error: 'bad row', committed: false })
    expect(await send([Promise.resolve('bad')])).toMatchObject({ text: '', error: 'bad row', committed: false })
  })

  test.each([
    ['at hand', (row: string) => row, '[a]'],
    ['waited for', (row: string) => Promise.resolve(row), '(a)'],
  ])('of a row %s return the source, once, before the end is reported', async (_how, wrap, text) => {
    const journal: string[] = []
    function* source() {
      try {
        yield wrap('a')
        yield wrap('bad')
      } finally {
        journal.push('returned')
      }
    }
    expect(await send(source)).toMatchObject({ text, outcome: 'source-error', error: 'bad row' })
    expect(journal).toEqual(['returned'])
  })

  test('of a promised row are those of the stream', async () => {
    expect(await send(['a', Promise.reject(new Error('late'))])).toMatchObject({ text: '[a]', error: 'late' })
  })

  test('that the encoder tells of end the body well', async () => {
    class Telling extends Brackets {
      failed(error: unknown): boolean {
        this.batch.text(`!${(error as Error).message}`)
        this.batch.commit()
        return true
      }
    }
    const make = () => new Telling()
    const journal: string[] = []
    function* source(row: unknown) {
      try {
        yield 'a'
        yield row
        yield 'never'
      } finally {
        journal.push('returned')
      }
    }
    function* failing() {
      yield 'a'
      throw new Error('no more')
    }
    async function* failingLate() {
      yield 'a'
      await Promise.resolve()
      throw new Error('no more')
    }
    expect(await send(source('bad'), make)).toMatchObject({ text: '[a]!bad row.', outcome: 'completed' })
    expect(await send(source(Promise.resolve('bad')), make)).toMatchObject({ text: '[a]!bad row.' })
    expect(await send(source(Promise.reject(new Error('late'))), make)).toMatchObject({ text: '[a]!late.' })
    expect(journal).toEqual(['returned', 'returned', 'returned'])
    expect(await send(failing, make)).toMatchObject({ text: '[a]!no more.', outcome: 'completed' })
    expect(await send(failingLate, make)).toMatchObject({ text: '(a)!no more.', outcome: 'completed' })
  })
})

test('a source that never started is released', async () => {
  const journal: string[] = []
  const source = {
    next: () => ({ done: false, value: 'a' }),
    return: () => journal.push('returned'),
  }
  const exchange = sendInMemory(new Rows(source), { method: 'HEAD' })
  await exchange.end()
  expect([exchange.sink.text, journal]).toEqual(['', ['returned']])
})

test('the parts of a row come one by one, and are returned when the peer is lost', async () => {
  const journal: string[] = []
  class Parted extends Brackets {
    private parts: Iterator<string, unknown> | undefined
    override add(row: unknown): void {
      super.add(row)
      if (row === 'long') this.parts = parts()
    }
    rest() {
      const { parts } = this
      this.parts = undefined
      return parts as never
    }
  }
  function* parts() {
    try {
      for (let i = 0; i < 3; i++) yield 'x'.repeat(40_000)
    } finally {
      journal.push('parts returned')
    }
  }
  const { text } = await send(['a', 'long', 'b'], () => new Parted())
  expect(text).toBe(`[a][long]${'x'.repeat(120_000)}[b].`)
  expect(journal.splice(0)).toEqual(['parts returned'])

  const exchange = sendInMemory(new Rows(['a', 'long', 'b'], () => new Parted()), { room: 50_000 })
  await new Promise((resolve) => setImmediate(resolve))
  expect(journal).toEqual([])
  exchange.sink.lose()
  await exchange.end()
  expect(journal).toEqual(['parts returned'])
})
