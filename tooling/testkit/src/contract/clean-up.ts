import { Readable } from 'node:stream'
import { StreamingResponse, type Outcome, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import type { ContractClient } from '../raw-client.ts'
import { EndlessSource, ScriptedSource } from '../scripted-source.ts'
import { Journal, settled } from '../waits.ts'
import { chapter } from './chapter.ts'

/** The contract's bound: the source has ended so long after the client left. */
const CLEAN_UP_MS = 1_000

/** A client that closes its socket sends FIN; the server learns the rest by writing, or by the silence. */
const LEAVING: Record<string, (client: ContractClient) => void> = {
  closes: (client) => client.leave(),
  resets: (client) => client.reset(),
}

export const cleanUp = chapter('6. clean-up', (holds) => {
  for (const [way, leave] of Object.entries(LEAVING)) {
    holds(`a source blocked on backpressure runs its finally when the client ${way}`, async ({ serve }) => {
      const source = new EndlessSource()
      const server = await serve(() => new StreamingResponse(source.sync()).after(source.journal.noting('after')))
      const client = await server.connect()
      await client.get()
      client.stall()
      await settled(() => source.produced, 'the stalled stream')
      leave(client)
      await source.journal.first('finally', CLEAN_UP_MS)
      expect((await source.journal.first<StreamEnd>('after')).outcome).toBe('client-abort')
    })

    holds(`a source that goes on runs its finally when the client ${way}`, async ({ serve }) => {
      const source = new EndlessSource()
      const server = await serve(() => new StreamingResponse(source.async()).after(source.journal.noting('after')))
      const client = await server.connect({ consume: () => {} })
      await client.get()
      leave(client)
      await source.journal.first('finally', CLEAN_UP_MS)
      expect((await source.journal.first<StreamEnd>('after')).outcome).toBe('client-abort')
    })

    holds(`a silent source is returned, once, when the client ${way}`, async ({ serve }) => {
      const script = new ScriptedSource('first')
      const { journal } = script
      const server = await serve(() => new StreamingResponse(script).after(journal.noting('after')))
      const client = await server.connect()
      const response = await client.get()
      await response.receives('first')
      leave(client)
      await journal.first('return', CLEAN_UP_MS)
      expect((await journal.first<StreamEnd>('after')).outcome).toBe('client-abort')
      expect(journal.times('return')).toBe(1)
    })

    holds(`a source that has given nothing yet is returned when the client ${way}`, async ({ serve }) => {
      const script = new ScriptedSource()
      const { journal } = script
      const server = await serve(() => new StreamingResponse(script).after(journal.noting('after')))
      const client = await server.connect()
      client.request({})
      await journal.first('next')
      leave(client)
      await journal.first('return', CLEAN_UP_MS)
      const end = await journal.first<StreamEnd>('after')
      expect(end).toMatchObject({ outcome: 'client-abort', committed: false })
    })

    holds(`the signal fires when the client ${way}`, async ({ serve }) => {
      const journal = new Journal()
      const server = await serve(
        (request) =>
          new StreamingResponse(async function* () {
            yield 'first'
            await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
            journal.note('aborted', request.signal.reason)
          }),
      )
      const client = await server.connect()
      const response = await client.get()
      await response.receives('first')
      leave(client)
      const reason = await journal.first('aborted', CLEAN_UP_MS)
      expect(reason).toMatchObject({ code: 'CZ_STREAM_ABORTED' })
    })
  }

  holds('a source inside an await ends when that await does, and is not asked again', async ({ serve }) => {
    const script = new ScriptedSource()
    const journal = new Journal()
    const server = await serve(({ signal }) =>
      new StreamingResponse(async function* () {
        signal.addEventListener('abort', () => script.give('go on'))
        try {
          yield 'first'
          await script.next()
          journal.note('await ended')
          yield 'second'
          journal.note('asked again')
        } finally {
          journal.note('finally')
        }
      }).after(journal.noting('after')),
    )
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    client.reset()
    await journal.first('after')
    expect(journal.events).toEqual(['await ended', 'finally', 'after'])
  })

  holds('a source that never comes back does not hold after() for ever', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(async function* () {
        yield 'first'
        await new Promise(() => {})
      }).after(journal.noting('after')),
    )
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    client.reset()
    expect((await journal.first<StreamEnd>('after', 8_000)).outcome).toBe('client-abort')
  })

  holds('a promise of a sync generator that never settles does not hold its finally', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(function* () {
        try {
          yield 'first'
          yield new Promise<string>(() => {})
        } finally {
          journal.note('finally')
        }
      }).after(journal.noting('after')),
    )
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    client.reset()
    await journal.first('finally', CLEAN_UP_MS)
    await journal.first('after')
  })

  holds('a Node Readable is destroyed when the client leaves', async ({ serve }) => {
    const journal = new Journal()
    const source = new Readable({ read() {} }).on('close', () => journal.note('destroyed'))
    source.push('first')
    const server = await serve(() => new StreamingResponse(source))
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    client.reset()
    await journal.first('destroyed', CLEAN_UP_MS)
  })

  holds('a web ReadableStream is cancelled when the client leaves', async ({ serve }) => {
    const journal = new Journal()
    const source = new ReadableStream<string>({
      start: (controller) => controller.enqueue('first'),
      cancel: journal.noting('cancelled'),
    })
    const server = await serve(() => new StreamingResponse(source))
    const client = await server.connect()
    const response = await client.get()
    await response.receives('first')
    client.reset()
    await journal.first('cancelled', CLEAN_UP_MS)
  })

  holds('return() is awaited before the end is reported', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve(() =>
      new StreamingResponse(async function* () {
        try {
          for (;;) yield 'x'.repeat(1_000)
        } finally {
          await new Promise((resolve) => setTimeout(resolve, 50))
          journal.note('closed')
        }
      }).after(journal.noting('after')),
    )
    const client = await server.connect({ consume: () => {} })
    await client.get()
    client.reset()
    await journal.first('after')
    expect(journal.events).toEqual(['closed', 'after'])
  })

  holds('the signal of a completed stream does not fire', async ({ serve }) => {
    const journal = new Journal()
    const server = await serve((request) => {
      request.signal.addEventListener('abort', journal.noting('aborted'))
      return new StreamingResponse(['whole']).after(journal.noting('after'))
    })
    const client = await server.connect()
    const response = await client.get()
    expect(await response.whole()).toBe('whole')
    await journal.first('after')
    client.leave()
    await server.close()
    expect(journal.events).toEqual(['after'])
  })

  holds('a source that completes is not returned', async ({ serve }) => {
    const script = new ScriptedSource('whole')
    script.end()
    const server = await serve(() => new StreamingResponse(script).after(script.journal.noting('after')))
    const response = await server.get()
    expect(await response.whole()).toBe('whole')
    await script.journal.first('after')
    expect(script.journal.times('return')).toBe(0)
  })

  const ENDS: Partial<Record<Outcome, (script: ScriptedSource, client: ContractClient) => void>> = {
    completed: (script) => script.end(),
    'client-abort': (_script, client) => client.reset(),
    'source-error': (script) => script.fail(new Error('failed')),
    timeout: () => {},
  }
  for (const [outcome, bringAbout] of Object.entries(ENDS)) {
    holds(`after() callbacks run once, with the outcome ${outcome}`, async ({ serve }) => {
      const script = new ScriptedSource('first')
      const journal = new Journal()
      const deadlines = outcome === 'timeout' ? { idleMs: 100 } : {}
      const server = await serve(() =>
        new StreamingResponse(script, { deadlines }).after(journal.noting('first')).after(journal.noting('second')),
      )
      const client = await server.connect()
      const response = await client.get()
      await response.receives('first')
      bringAbout(script, client)
      const end = await journal.first<StreamEnd>('second')
      expect(end.outcome).toBe(outcome)
      client.leave()
      await server.close()
      expect(journal.events).toEqual(['first', 'second'])
    })
  }

  holds.where('shutdown', 'a host that closes ends running streams as shutdown', async ({ serve }) => {
    const script = new ScriptedSource('first')
    const { journal } = script
    const server = await serve(() => new StreamingResponse(script).after(journal.noting('after')))
    const response = await server.get()
    await response.receives('first')
    await server.close({ graceMs: 50 })
    expect((await journal.first<StreamEnd>('after')).outcome).toBe('shutdown')
    expect(journal.times('return')).toBe(1)
    expect(await response.broken()).toBe('first')
  })

  holds.where('shutdown', 'a host that closes lets a stream finish within the grace', async ({ serve }) => {
    const script = new ScriptedSource('first ')
    const server = await serve(() => new StreamingResponse(script))
    const response = await server.get()
    await response.receives('first ')
    const closed = server.close({ graceMs: 4_000 })
    script.give('last')
    script.end()
    expect(await response.whole()).toBe('first last')
    await closed
  })
})
