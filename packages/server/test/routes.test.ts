import { expect, test } from 'vitest'
import { catzilla } from '@catzilla/server'

const thrown = (code: string) => expect.objectContaining({ code })

test('a second route for the same requests is refused', () => {
  const app = catzilla()
  app.get('/users/:id', () => '')
  app.all('/all', () => '')
  expect(() => app.get('/users/:id', () => '')).toThrow(thrown('CZ_ROUTE_DUPLICATE'))
  expect(() => app.get('/users/:name', () => '')).toThrow(thrown('CZ_ROUTE_DUPLICATE'))
  expect(() => app.all('/all', () => '')).toThrow(thrown('CZ_ROUTE_DUPLICATE'))
  expect(() => app.put('/users/:id', () => '')).not.toThrow()
})

for (const pattern of ['users', '', '/a/:', '/a/:1', '/a/:b-c', '/:a/:a', '/*rest/more', '/a*', '/a?', '/a#b']) {
  test(`the pattern ${JSON.stringify(pattern)} is refused`, () => {
    expect(() => catzilla().get(pattern, () => '')).toThrow(thrown('CZ_ROUTE_PATTERN'))
  })
}

test('a method that is not in upper case is refused', () => {
  for (const method of ['get', '', 'G T']) {
    expect(() => catzilla().route(method, '/', () => '')).toThrow(thrown('CZ_ROUTE_METHOD'))
  }
})

test('a handler that is no function is refused', () => {
  expect(() => catzilla().get('/', 'text' as unknown as () => string)).toThrow(thrown('CZ_ROUTE_HANDLER'))
})
