import { expect, test } from 'vitest'
import type { Stage } from './stage.ts'

export function routing({ serve }: Stage): void {
  test('a parameter matches one segment, percent-decoded', async () => {
    const { fetch } = await serve((app) => app.get('/users/:id', (req) => req.params.id))
    expect(await (await fetch('/users/a%20b%2Fc')).text()).toBe('a b/c')
    expect((await fetch('/users/a/b')).status).toBe(404)
    expect((await fetch('/users/')).status).toBe(404)
  })

  test('several parameters are told apart', async () => {
    const { fetch } = await serve((app) => app.get('/:a/x/:b', (req) => ({ ...req.params })))
    expect(await (await fetch('/1/x/2')).json()).toEqual({ a: '1', b: '2' })
  })

  test('a wildcard takes the rest of the path under its name', async () => {
    const { fetch } = await serve((app) => app.get('/files/*path', (req) => req.params.path))
    expect(await (await fetch('/files/a/b%20c.txt')).text()).toBe('a/b c.txt')
  })

  test('a wildcard without a name is called *', async () => {
    const { fetch } = await serve((app) => app.get('/files/*', (req) => req.params['*']))
    expect(await (await fetch('/files/a/b')).text()).toBe('a/b')
  })

  test('the fixed path wins over a parameter, and a parameter over a wildcard', async () => {
    const { fetch } = await serve((app) => {
      app.get('/*rest', () => 'wildcard')
      app.get('/:name', () => 'parameter')
      app.get('/me', () => 'fixed')
    })
    const texts = ['/me', '/you', '/you/too'].map(async (path) => (await fetch(path)).text())
    expect(await Promise.all(texts)).toEqual(['fixed', 'parameter', 'wildcard'])
  })

  test('a fixed path is found however it is encoded', async () => {
    const { fetch } = await serve((app) => app.get('/café', () => 'au lait'))
    expect(await (await fetch('/caf%C3%A9')).text()).toBe('au lait')
  })

  test('a colon inside a segment is a colon', async () => {
    const { fetch } = await serve((app) => app.get('/v1/things:archive', () => 'archived'))
    expect(await (await fetch('/v1/things:archive')).text()).toBe('archived')
  })

  test('a long parameter is taken whole', async () => {
    const { fetch } = await serve((app) => app.get('/:text', (req) => String(req.params.text.length)))
    expect(await (await fetch(`/${'x'.repeat(5000)}`)).text()).toBe('5000')
  })

  test('a malformed encoding is answered with 400', async () => {
    const { fetch } = await serve((app) => app.get('/users/:id', (req) => req.params.id))
    expect((await fetch('/users/%zz')).status).toBe(400)
    expect((await fetch('/users/%ff')).status).toBe(400)
  })

  test('the same path can answer several methods', async () => {
    const { fetch } = await serve((app) => {
      app.get('/', (req) => req.method)
      app.post('/', (req) => req.method)
      app.put('/', (req) => req.method)
      app.patch('/', (req) => req.method)
      app.delete('/', (req) => req.method)
      app.route('PROPFIND', '/', (req) => req.method)
    })
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      expect(await (await fetch('/', { method })).text()).toBe(method)
    }
  })

  test('all() answers the methods that have no route of their own', async () => {
    const { fetch } = await serve((app) => {
      app.all('/', () => 'any')
      app.post('/', () => 'post')
    })
    expect(await (await fetch('/')).text()).toBe('any')
    expect(await (await fetch('/', { method: 'DELETE' })).text()).toBe('any')
    expect(await (await fetch('/', { method: 'POST' })).text()).toBe('post')
  })

  test('an unknown path is answered with 404', async () => {
    const { fetch } = await serve((app) => app.get('/', () => ''))
    const response = await fetch('/nowhere')
    expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
  })

  test('a known path with another method is answered with 405 and Allow', async () => {
    const { fetch } = await serve((app) => {
      app.get('/users/:id', () => '')
      app.put('/users/:id', () => '')
    })
    const response = await fetch('/users/7', { method: 'DELETE' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS, PUT'])
  })

  test('OPTIONS tells what a path allows', async () => {
    const { fetch } = await serve((app) => app.post('/', () => ''))
    const response = await fetch('/', { method: 'OPTIONS' })
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'OPTIONS, POST'])
  })

  test('OPTIONS * tells what the server allows', async () => {
    const { connect } = await serve((app) => app.get('/a', () => '').post('/b', () => ''))
    const response = await (await connect()).get('*', { method: 'OPTIONS' })
    expect([response.status, response.field('allow')]).toEqual([204, 'GET, HEAD, OPTIONS, POST'])
  })

  test('a route of OPTIONS answers by itself', async () => {
    const { fetch } = await serve((app) => app.options('/', () => 'options'))
    expect(await (await fetch('/', { method: 'OPTIONS' })).text()).toBe('options')
  })

  test('HEAD is answered by the route of GET, without its body', async () => {
    const { fetch } = await serve((app) => app.get('/', () => 'twelve bytes'))
    const response = await fetch('/', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '12', ''])
  })

  test('a route of HEAD goes before that of GET', async () => {
    const { fetch } = await serve((app) => {
      app.get('/', () => 'get')
      app.head('/', () => 'heads')
    })
    expect((await fetch('/', { method: 'HEAD' })).headers.get('content-length')).toBe('5')
  })

  test('a query does not disturb the path', async () => {
    const { fetch } = await serve((app) => app.get('/a', (req) => [req.path, req.url]))
    expect(await (await fetch('/a?b=/c?d')).json()).toEqual(['/a', '/a?b=/c?d'])
  })

  test('the absolute form of a target names the same route', async () => {
    const { connect } = await serve((app) => app.get('/a/:b', (req) => `${req.path} ${req.query.get('c')}`))
    const client = await connect()
    expect(await (await client.get('http://127.0.0.1/a/b?c=d')).whole()).toBe('/a/b d')
  })
}
