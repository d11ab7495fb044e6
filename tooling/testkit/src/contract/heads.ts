import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { ScriptedSource } from '../scripted-source.ts'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

const OLD = { version: '1.0' } as const

/** Names and values that would end a field line, or the head, if they were sent as they are. */
const INJECTIONS: Record<string, Record<string, string>> = {
  'CR LF in a value': { 'x-name': 'value\r\nx-injected: yes' },
  'a lone LF in a value': { 'x-name': 'value\nx-injected: yes' },
  'a lone CR in a value': { 'x-name': 'value\rx-injected: yes' },
  'NUL in a value': { 'x-name': 'value\0' },
  'a character whose low byte is LF': { 'x-name': 'value\u560ax-injected: yes' },
  'CR LF in a name': { 'x-name: value\r\nx-injected': 'yes' },
  'a space in a name': { 'x name': 'value' },
  'an empty name': { '': 'value' },
}

const withLength = (length: number, ...items: string[]) =>
  new StreamingResponse(items, { headers: { 'content-length': length } })

export const heads = chapter('7. HEAD, HTTP/1.0, fields and lengths', (holds) => {
  holds('status, type and fields arrive as given', async ({ serve }) => {
    const options = {
      status: 201,
      contentType: 'text/csv; charset=utf-8',
      headers: { 'x-one': '1', 'set-cookie': ['a=1', 'b=2'] },
    }
    const server = await serve(() => new StreamingResponse('made', options))
    const response = await server.get()
    await response.whole()
    expect(response.status).toBe(201)
    expect(response.field('content-type')).toBe('text/csv; charset=utf-8')
    expect(response.field('x-one')).toBe('1')
    expect(response.fields.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
  })

  holds('HEAD answers with the head of GET and no body', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse('body', { headers: { etag: '"1"' } }))
    const client = await server.connect()
    const get = await client.get()
    await get.whole()
    const head = await client.get('/', { method: 'HEAD' })
    expect(await head.whole()).toBe('')
    expect(head.status).toBe(get.status)
    expect(head.field('content-type')).toBe(get.field('content-type'))
    expect(head.field('etag')).toBe('"1"')
  })

  holds('HEAD does not start the source, and keeps the connection', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(({ method }) =>
      new StreamingResponse(function* () {
        journal.note(`started for ${method}`)
        yield 'body'
      }).after(journal.noting('after')),
    )
    const client = await server.connect()
    const head = await client.get('/', { method: 'HEAD' })
    await head.whole()
    expect(await journal.first<StreamEnd>('after')).toMatchObject({ outcome: 'completed' })
    const get = await client.get()
    expect(await get.whole()).toBe('body')
    expect(journal.events.filter((event) => event !== 'after')).toEqual(['started for GET'])
  })

  holds('HEAD releases a source that waits to be read', async ({ serve }) => {
    const script = new ScriptedSource('never sent')
    const server = await serve(() => new StreamingResponse(script))
    const response = await server.get('/', { method: 'HEAD' })
    await response.whole()
    await script.journal.first('return')
    expect(script.journal.times('next')).toBe(0)
  })

  holds('HEAD does not run a writer', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      StreamingResponse.fromWriter((w) => {
        journal.note('written')
        void w.write('body')
      }).after(journal.noting('after')),
    )
    const response = await server.get('/', { method: 'HEAD' })
    expect(response.status).toBe(200)
    await response.whole()
    await journal.first('after')
    expect(journal.times('written')).toBe(0)
  })

  holds('HEAD tells a declared length', async ({ serve }) => {
    const server = await serve(() => withLength(4, 'body'))
    const response = await server.get('/', { method: 'HEAD' })
    expect(response.field('content-length')).toBe('4')
  })

  for (const status of [204, 304]) {
    holds(`${status} has no body, and keeps the connection`, async ({ serve }) => {
      const server = await serve({
        '/empty': () => new StreamingResponse('never sent', { status }),
        '/next': () => new StreamingResponse('next'),
      })
      const client = await server.connect()
      const empty = await client.get('/empty')
      expect(empty.status).toBe(status)
      const next = await client.get('/next')
      expect(await next.whole()).toBe('next')
    })
  }

  // ── HTTP/1.0 ───────────────────────────────────────────────────────────────────────────────────────────────────────

  holds.where(
    'http10',
    'an HTTP/1.0 client gets the body without chunks, until the connection closes',
    async (stage) => {
      const server = await stage.serve(() => new StreamingResponse(['one', 'two']))
      const response = await server.get('/', OLD)
      expect(await response.whole()).toBe('onetwo')
      expect(response.framing).toBe('close')
    },
  )

  holds.where('http10', 'an HTTP/1.0 client that asks for keep-alive is not kept without a length', async (stage) => {
    const server = await stage.serve(() => new StreamingResponse('body'))
    const response = await server.get('/', { ...OLD, fields: { connection: 'keep-alive' } })
    expect(await response.whole()).toBe('body')
    expect(response.framing).toBe('close')
  })

  holds.where('http10', 'an HTTP/1.0 client gets each item as it is made', async ({ serve }) => {
    const script = new ScriptedSource('first ')
    const server = await serve(() => new StreamingResponse(script))
    const response = await server.get('/', OLD)
    await response.receives('first ')
    script.give('second')
    await response.receives('second')
  })

  holds.where(
    'http10',
    'a failure shows an HTTP/1.0 client a reset, as a FIN would look complete',
    async ({ serve }) => {
      const script = new ScriptedSource('before')
      const server = await serve(() => new StreamingResponse(script))
      const response = await server.get('/', OLD)
      await response.receives('before')
      script.fail(new Error('failed'))
      expect(await response.ended()).toBe('reset')
    },
  )

  holds.where('http10', 'a declared length is told to an HTTP/1.0 client', async ({ serve }) => {
    const server = await serve(() => withLength(4, 'body'))
    const response = await server.get('/', OLD)
    expect(response.field('content-length')).toBe('4')
    expect(await response.whole()).toBe('body')
  })

  // ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  for (const [what, headers] of Object.entries(INJECTIONS)) {
    holds(`${what} throws before anything is sent`, async ({ serve }) => {
      const server = await serve(() => {
        try {
          return new StreamingResponse('injected', { headers })
        } catch (error) {
          return new StreamingResponse((error as { code: string }).code)
        }
      })
      const response = await server.get()
      expect(await response.whole()).toBe('CZ_HEAD_FIELD')
      expect(response.field('x-injected')).toBeUndefined()
    })
  }

  holds('CR LF in a content type throws before anything is sent', async ({ serve }) => {
    const server = await serve(() => {
      expect(() => new StreamingResponse('', { contentType: 'text/plain\r\nx-injected: yes' })).toThrow('control')
      return new StreamingResponse('refused')
    })
    const response = await server.get()
    expect(await response.whole()).toBe('refused')
  })

  // ── lengths ────────────────────────────────────────────────────────────────────────────────────────────────────────

  holds('a body without a declared length is chunked', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse(['body']))
    const response = await server.get()
    await response.whole()
    expect(response.framing).toBe('chunked')
    expect(response.field('content-length')).toBeUndefined()
  })

  holds('a body of its declared length is sent without chunks, and keeps the connection', async ({ serve }) => {
    const server = await serve(() => withLength(8, 'héllo', '!!'))
    const client = await server.connect()
    for (let i = 0; i < 2; i++) {
      const response = await client.get()
      expect(response.framing).toBe('length')
      expect(await response.whole()).toBe('héllo!!')
    }
  })

  holds('an empty body of a declared length of 0 is whole', async ({ serve }) => {
    const server = await serve(() => withLength(0))
    const response = await server.get()
    expect(response.status).toBe(200)
    expect(await response.whole()).toBe('')
  })

  holds('a body shorter than its declared length breaks the connection', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() => withLength(10, 'short').after(journal.noting('after')))
    const response = await server.get()
    expect(await response.broken()).toBe('short')
    const end = await journal.first<StreamEnd>('after')
    expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
  })

  holds(
    'a body longer than its declared length breaks the connection, and nothing too much is sent',
    async ({ serve }) => {
      const script = new ScriptedSource('1234')
      const server = await serve(() =>
        new StreamingResponse(script, { headers: { 'content-length': 6 } }).after(script.journal.noting('after')),
      )
      const client = await server.connect()
      const response = await client.get()
      await response.receives('1234')
      script.give('5678')
      const end = await script.journal.first<StreamEnd>('after')
      expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
      expect(script.journal.times('return')).toBe(1)
      expect(await response.broken()).toBe('1234')
    },
  )

  holds('a declared length that is no number is answered with 500', async ({ serve }) => {
    const script = new ScriptedSource('body')
    const { journal } = script
    const options = { headers: { 'content-length': 'four' } }
    const server = await serve(() => new StreamingResponse(script, options).after(journal.noting('after')))
    const response = await server.get()
    expect(response.status).toBe(500)
    await journal.first('after')
    expect(journal.events).toEqual(['return', 'after'])
  })
})
