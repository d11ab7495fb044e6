import { expect, test } from 'vitest'
import { serveReadme } from './readme-server.ts'

test('the example of the README runs', async () => {
  const response = await fetch(await serveReadme())
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = (await response.text()).split('\n')
  expect(lines).toHaveLength(100_001)
  expect(lines[0]).toBe('{"id":1,"customer":"Müller","lines":[{"item":"tea","count":1}]}')
})
