import { readFile } from 'node:fs/promises'
import { bodyOf } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { jsonl, readJsonl } from '../src/index.ts'
import { serveReadme } from './readme-server.ts'

test('the example of the README runs', async () => {
  const response = await fetch(await serveReadme())
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = (await response.text()).split('\n')
  expect(lines).toHaveLength(100_001)
  expect(lines[0]).toBe('{"id":1,"customer":"Müller","lines":[{"item":"tea","count":1}]}')
})

test('the frames of the README are what they say, and its reader reads', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, frames, reading] = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!)
  const { page } = new Function('jsonl', `${frames}; return { frames, page }`)(jsonl) as {
    page: (rows: unknown[]) => ReturnType<typeof jsonl>
  }
  expect(await bodyOf(page([{ id: 7 }]))).toBe('{"version":1,"items":[{"id":7}],"count":1,"cursor":7}\n')

  const AsyncFunction = (async () => {}).constructor as FunctionConstructor
  const seen: unknown[] = []
  const body = await bodyOf(jsonl([{ customer: 'Ada' }], { endMarker: true }))
  const run = new AsyncFunction('readJsonl', 'fetch', 'url', 'console', reading!)
  await run(readJsonl, async () => new Response(body), '/', { log: (each: unknown) => seen.push(each) })
  expect(seen).toEqual(['Ada'])
})
