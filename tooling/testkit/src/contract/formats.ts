import { csv } from '@catzilla/csv'
import { jsonl } from '@catzilla/jsonl'
import { expect } from 'vitest'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

const ROWS = 20_000

/** Rows with everything in them that the formats have to mind. */
function* rows() {
  for (let i = 0; i < ROWS; i++) yield { id: i, text: `"ü" 🎈,\r\n${i}`, value: i / 8, ok: i % 2 === 0, none: null }
}

async function* rowsOneByOne() {
  yield* rows()
}

const CSV = [
  'id,text,value,ok,none\r\n',
  ...Array.from(rows(), ({ id, text, value, ok }) => `${id},"${text.replaceAll('"', '""')}",${value},${ok},\r\n`),
].join('')

const LINES = Array.from(rows(), (row) => `${JSON.stringify(row)}\n`).join('')

export const formats = chapter('rows in formats', (holds) => {
  holds('csv(): rows at hand and rows one by one arrive to the byte, as a named download', async ({ serve }) => {
    const download = (source: typeof rows | typeof rowsOneByOne) => () =>
      csv(source, { filename: 'rows.csv', formulas: 'off' }) as never
    const server = await serve({ '/rows': download(rows), '/one-by-one': download(rowsOneByOne) })
    for (const path of ['/rows', '/one-by-one']) {
      const response = await (await server.connect()).get(path)
      expect(await response.whole()).toBe(CSV)
      expect(response.field('content-type')).toBe('text/csv; charset=utf-8; header=present')
      expect(response.field('content-disposition')).toBe('attachment; filename=rows.csv')
    }
  })

  holds('jsonl(): rows at hand and rows one by one arrive to the byte, in each frame', async ({ serve }) => {
    const server = await serve({
      '/rows': () => jsonl(rows),
      '/one-by-one': () => jsonl(rowsOneByOne),
      '/array': () => jsonl(rows, { frame: 'array' }),
      '/nested': () => jsonl([{ items: rowsOneByOne() }]),
    })
    const bodyOf = async (path: string) => (await (await server.connect()).get(path)).whole()
    const list = LINES.trimEnd().replaceAll('\n', ',')
    expect(await bodyOf('/rows')).toBe(LINES)
    expect(await bodyOf('/one-by-one')).toBe(LINES)
    expect(await bodyOf('/array')).toBe(`[${LINES.trimEnd().replaceAll('\n', ',\n')}]\n`)
    expect(await bodyOf('/nested')).toBe(`{"items":[${list}]}\n`)
  })

  holds('a row that fails breaks the body off behind the rows before it', async ({ serve }) => {
    const journal = new Journal()
    function* failing() {
      try {
        yield { id: 1 }
        yield { id: Symbol('none') }
      } finally {
        journal.note('returned')
      }
    }
    const server = await serve({ '/csv': () => csv(failing) as never, '/json': () => jsonl(badJson) as never })
    function* badJson() {
      yield { id: 1 }
      yield { id: 1n }
    }
    for (const [path, text] of [
      ['/csv', 'id\r\n1\r\n'],
      ['/json', '{"id":1}\n'],
    ] as const) {
      const response = await (await server.connect()).get(path)
      expect(text.startsWith(await response.broken())).toBe(true)
    }
    expect(journal.events).toEqual(['returned'])
  })

  holds.where('errorStatus', 'a client that takes none of the frames gets 406', async ({ serve }) => {
    const server = await serve(() => jsonl([1], { frame: ['array', 'ndjson'] }) as never)
    const client = await server.connect()
    const response = await client.get('/', { fields: { accept: 'text/html' } })
    expect(response.status).toBe(406)
  })
})
