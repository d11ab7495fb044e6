import { setTimeout as after } from 'node:timers/promises'
import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { ScriptedSource } from '../scripted-source.ts'
import { settled } from '../waits.ts'
import { chapter } from './chapter.ts'

/** Nothing written for so long after FIN: the client is taken for gone. */
const QUIET_MS = 750

export const halfClose = chapter('8. half-close', (holds) => {
  holds.where('halfClose', 'an answer goes on after FIN as long as it makes progress', async ({ serve }) => {
    const server = await serve(
      () =>
        new StreamingResponse(async function* () {
          for (let i = 0; i < 5; i++) {
            yield `${i}`
            await after(QUIET_MS / 3)
          }
        }),
    )
    const client = await server.connect()
    client.request({})
    client.halfClose()
    const response = await client.response()
    expect(await response.whole()).toBe('01234')
  })

  holds.where('halfClose', 'an answer that begins after FIN arrives', async ({ serve }) => {
    const script = new ScriptedSource()
    const server = await serve(() => new StreamingResponse(script))
    const client = await server.connect()
    client.request({})
    client.halfClose()
    await script.journal.first('next')
    await after(QUIET_MS / 3)
    script.give('late')
    script.end()
    const response = await client.response()
    expect(await response.whole()).toBe('late')
  })

  holds.where('halfClose', 'a slow reader that has sent FIN is not taken for gone', async ({ serve }) => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `${i} ${'x'.repeat(100)}\n`)
    const server = await serve(() => new StreamingResponse(lines))
    const client = await server.connect()
    client.request({})
    client.halfClose()
    const response = await client.response()
    client.stall()
    await settled(() => response.bodyBytes, 'the reader', 2 * QUIET_MS)
    client.resume()
    expect((await response.whole()) === lines.join('')).toBe(true)
  })

  holds.where('halfClose', 'a stream that stays silent after FIN is given up after 750 ms', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const { journal } = script
    const server = await serve(() => new StreamingResponse(script).after(journal.noting('after')))
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    const closedAt = performance.now()
    client.halfClose()
    const end = await journal.first<StreamEnd>('after')
    expect(end.outcome).toBe('client-abort')
    const waited = journal.timeOf('after') - closedAt
    expect(waited).toBeGreaterThan(QUIET_MS * 0.8)
    expect(waited).toBeLessThan(QUIET_MS * 2)
  })

  holds.where('halfClose', 'an event stream is probed at once after FIN', async ({ serve }) => {
    const script = new ScriptedSource('data: 1\n\n')
    const heartbeat = { intervalMs: 60_000, frame: ':\n\n' }
    const server = await serve(() => new StreamingResponse(script, { head: 'eager', heartbeat }))
    const client = await server.connect()
    const response = await client.get()
    await response.receives('data: 1\n\n')
    client.halfClose()
    await response.receives('data: 1\n\n:\n\n', QUIET_MS / 2)
  })

  holds('RST is loss at once', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const { journal } = script
    const server = await serve(() => new StreamingResponse(script).after(journal.noting('after')))
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    const resetAt = performance.now()
    client.reset()
    const end = await journal.first<StreamEnd>('after')
    expect(end.outcome).toBe('client-abort')
    expect(journal.timeOf('after') - resetAt).toBeLessThan(QUIET_MS / 2)
  })
})
