import { StreamingResponse } from '@catzilla/streaming'
import { expect } from 'vitest'
import { ScriptedSource } from '../scripted-source.ts'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

export const connections = chapter('7. connections', (holds) => {
  holds('a connection carries one stream after another', async ({ serve }) => {
    const server = await serve(({ url }) => new StreamingResponse(['answer to ', url]))
    const client = await server.connect()
    for (const path of ['/?1', '/?2', '/?3']) {
      const response = await client.get(path)
      expect(await response.whole()).toBe(`answer to ${path}`)
    }
  })

  holds('pipelined requests are answered in their order', async ({ serve }) => {
    const server = await serve(
      ({ url }) =>
        new StreamingResponse(async function* () {
          yield 'answer to '
          await new Promise(setImmediate)
          yield url
        }),
    )
    const client = await server.connect()
    const paths = ['/?1', '/?2', '/?3', '/?4']
    client.request(...paths.map((path) => ({ path })))
    for (const path of paths) {
      const response = await client.response()
      expect(await response.whole()).toBe(`answer to ${path}`)
    }
  })

  holds('a pipelined HEAD does not disturb the answers around it', async ({ serve }) => {
    const server = await serve(({ method }) => new StreamingResponse([method]))
    const client = await server.connect()
    client.request({}, { method: 'HEAD' }, {})
    const bodies: string[] = []
    for (let i = 0; i < 3; i++) {
      const response = await client.response()
      bodies.push(await response.whole())
    }
    expect(bodies).toEqual(['GET', '', 'GET'])
  })

  holds.where('oneAtATime', 'a pipelined request waits until the answer before it has ended', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const journal = new Journal()
    const server = await serve({
      '/first': () => new StreamingResponse(script),
      '/second': () => {
        journal.note('second started')
        return new StreamingResponse('second')
      },
    })
    const client = await server.connect()
    client.request({ path: '/first' }, { path: '/second' })
    const first = await client.response()
    await first.receives('first')
    expect(journal.times('second started')).toBe(0)
    script.end()
    const second = await client.response()
    expect(await second.whole()).toBe('second')
  })

  holds.where(
    'http1',
    'a client that asks to close is told so, and the connection ends after it',
    async ({ serve }) => {
      const server = await serve(() => new StreamingResponse(['body']))
      const client = await server.connect()
      const response = await client.get('/', { fields: { connection: 'close' } })
      expect(await response.whole()).toBe('body')
      expect(response.field('connection')).toBe('close')
      expect(await client.ended()).toBe('end')
    },
  )

  holds('a connection that breaks leaves the others alone', async ({ serve }) => {
    const [broken, whole] = [new ScriptedSource('broken '), new ScriptedSource('whole ')]
    const server = await serve({
      '/broken': () => new StreamingResponse(broken),
      '/whole': () => new StreamingResponse(whole),
    })
    const [one, two] = await Promise.all([server.get('/broken'), server.get('/whole')])
    broken.fail(new Error('failed'))
    await one.broken()
    whole.give('and sound')
    whole.end()
    expect(await two.whole()).toBe('whole and sound')
  })

  holds('a thousand small streams go over one connection', async ({ serve }) => {
    const server = await serve(({ url }) => new StreamingResponse([url]))
    const client = await server.connect()
    for (let i = 0; i < 1_000; i++) {
      const response = await client.get(`/?${i}`)
      expect(await response.whole()).toBe(`/?${i}`)
    }
  })
})
