import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { encodeCsv } from '../src/index.ts'
import { serveReadme } from './readme-server.ts'

test('the example of the README runs', async () => {
  const response = await fetch(await serveReadme())
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
  expect(response.headers.get('content-disposition')).toBe('attachment; filename=orders.csv')
  const lines = (await response.text()).split('\r\n')
  expect(lines).toHaveLength(100_002)
  expect(lines[0]).toBe('id,customer,total,paid,at')
  expect(lines[1]).toMatch(/^1,"Müller, ""Bob""",1.5,false,\d{4}-\d\d-\d\dT/)
  expect(lines[100_001]).toBe('')
})

test('the columns of the README are what they say', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = [...readme.matchAll(/```js\n(.*?)```/gs)][1]![1]!.replace('encodeCsv(people', 'return encodeCsv(people')
  const run = new Function('encodeCsv', 'people', code) as (encode: typeof encodeCsv, people: object[]) => string
  const people = [{ id: true, total: 1.5, first: 'Ada', last: 'Lovelace' }]
  expect(run(encodeCsv, people)).toBe('id,Total,"Name"\r\nyes,1.50,"Lovelace, Ada"\r\n')
})
