import { Readable } from 'node:stream'
import { expectTypeOf, test } from 'vitest'
import { catzilla, reply, type Answer, type PathParams, type ServerRequest } from '@catzilla/server'
import { StreamingResponse } from '@catzilla/streaming'

const app = catzilla()
const user = { id: 7 }

test('params are typed from the pattern', () => {
  app.get('/users/:id/files/*path', (req) => {
    expectTypeOf(req.params).toEqualTypeOf<{ readonly id: string; readonly path: string }>()
    return req.params.id
  })
  expectTypeOf<keyof PathParams<'/'>>().toBeNever()
  expectTypeOf<PathParams<'/*'>>().toEqualTypeOf<{ readonly '*': string }>()
  expectTypeOf<PathParams<'/:a/x/:b'>>().toEqualTypeOf<{ readonly a: string; readonly b: string }>()
  expectTypeOf<PathParams<string>>().toEqualTypeOf<Readonly<Record<string, string>>>()
  // @ts-expect-error -- the pattern has no such parameter
  app.get('/users/:id', (req) => req.params.name)
})

test('what a handler may return compiles', () => {
  app.get('/1', () => 'text')
  app.get('/2', async () => ({ user }))
  app.get('/3', () => [user])
  app.get('/4', () => null)
  app.get('/5', () => {})
  app.get('/6', () => Buffer.from('bytes'))
  app.get('/7', () => 1)
  app.get('/8', () => new Response('web'))
  app.get('/9', () => new StreamingResponse([user], { encode: JSON.stringify }))
  app.get('/10', () => Readable.from(['a']))
  app.get('/11', (req) => req.body)
  app.get('/12', () => new Set(['a']))
  app.get('/13', () => reply('text', { status: 201 }))
  app.get('/14', async (req) => (req.query.has('all') ? ['a'].values() : 'a'))
  app.get('/15', () => new Blob(['a']))
  app.get('/16', (): unknown => user)
  app.get('/any', async (req) => JSON.parse(await req.text()))
  app.get('/17', function* () {
    yield 'text'
    yield Buffer.from('bytes')
    yield Promise.resolve('later')
  })
  app.get('/18', async function* (req) {
    yield req.params ? 'a' : new Uint8Array(1)
  })
})

test('a raw stream of objects does not compile, and the error names the cure', () => {
  type Cure = 'A stream needs text or bytes; wrap objects in jsonl() or csv()'
  // @ts-expect-error
  app.get('/', function* () {
    yield user
  })
  // @ts-expect-error
  app.post('/', async function* () {
    yield user
  })
  // @ts-expect-error
  app.all('/', async () => [user].values())
  // @ts-expect-error
  app.route('GET', '/', () => new Map([['a', 1]]))
  // @ts-expect-error -- in one of its results
  app.get('/', (req) => (req.query.has('all') ? [user].values() : 'none'))
  // @ts-expect-error
  reply([user].values())

  const objects = function* () {
    yield user
  }
  type GetOfObjects = typeof app.get<'/', ReturnType<typeof objects>>
  expectTypeOf<Parameters<GetOfObjects>[1]>().toExtend<{ error: Cure }>()
})

test('neither a bigint nor a symbol can be answered', () => {
  // @ts-expect-error
  app.get('/', () => 1n)
  // @ts-expect-error
  app.get('/', () => Symbol('s'))
})

test('the rest is inferred', () => {
  app.post('/', async (req) => {
    expectTypeOf(await req.json()).toEqualTypeOf<unknown>()
    expectTypeOf(await req.json<{ a: 1 }>()).toEqualTypeOf<{ a: 1 }>()
    expectTypeOf(req).toExtend<ServerRequest>()
  })
  expectTypeOf(reply('text')).toEqualTypeOf<Answer | StreamingResponse>()
})
