import { expect, test } from 'vitest'
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
