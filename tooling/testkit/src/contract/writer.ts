import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StreamingResponse, type StreamEnd, type StreamWriter } from '@catzilla/streaming'
import { nodeWritable } from '@catzilla/streaming/node'
import { expect } from 'vitest'
import { Journal, settled } from '../waits.ts'
import { chapter } from './chapter.ts'

/** The contract's bound: the source has ended so long after the client left. */
const CLEAN_UP_MS = 1_000

/** The forms in which a writer is piped into. */
const PIPES: Record<string, (source: Readable, w: StreamWriter) => Promise<void>> = {
  WritableStream: (source, w) => (Readable.toWeb(source) as ReadableStream<string>).pipeTo(w.writable),
  Writable: (source, w) => pipeline(source, nodeWritable(w)),
}

/** The code with which a promise rejects; `undefined` when it does not. */
async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** A writer that waits for the test, until the test or the client ends it. */
function heldWriter() {
  const journal = new Journal()
  let finish!: () => void
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const response = () =>
    StreamingResponse.fromWriter(async (w) => {
      journal.note('writer', w)
      w.signal.addEventListener('abort', finish)
      await finished
    }).after(journal.noting('after'))
  return { journal, response, finish, writer: () => journal.first<StreamWriter>('writer') }
}

export const writer = chapter('the writer', (holds) => {
  holds('write and writeln keep their order, with and without await', async ({ serve }) => {
    const server = await serve(() =>
      StreamingResponse.fromWriter(async (w) => {
        void w.write('a')
        await w.writeln('b')
        void w.writeln()
        await w.write(new TextEncoder().encode('c'))
        void w.write('d')
      }),
    )
    const response = await server.get()
    expect(await response.whole()).toBe('ab\n\ncd')
  })

  holds('a write leaves at the end of its turn, and flush at once', async ({ serve }) => {
    const { response, writer: given, finish } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    void w.write('written ')
    const answer = await client.response()
    await answer.receives('written ')
    void w.write('flushed')
    void w.flush()
    await answer.receives('flushed')
    finish()
    expect(await answer.whole()).toBe('written flushed')
  })

  holds('close ends the stream well, whatever the callback does then', async ({ serve }) => {
    const { response, writer: given, finish, journal } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    void w.write('last')
    w.close()
    const answer = await client.response()
    expect(await answer.whole()).toBe('last')
    expect((await journal.first<StreamEnd>('after')).outcome).toBe('completed')
    expect(w.closed).toBe(true)
    finish()
  })

  holds('a write after close rejects', async ({ serve }) => {
    const { response, writer: given, finish } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    w.close()
    expect(await codeOf(w.write('too late'))).toBe('CZ_STREAM_CLOSED')
    expect(await codeOf(w.flush())).toBe('CZ_STREAM_CLOSED')
    const answer = await client.response()
    expect(await answer.whole()).toBe('')
    finish()
  })

  holds('a write of what is neither text nor bytes breaks the body, also when nobody awaits it', async ({ serve }) => {
    const { response, writer: given, finish, journal } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    void w.write('before')
    const answer = await client.response()
    await answer.receives('before')
    const bad = w.write({} as unknown as string)
    finish()
    expect(await answer.broken()).toBe('before')
    expect(await codeOf(bad)).toBe('CZ_STREAM_ITEM')
    expect(await journal.first<StreamEnd>('after')).toMatchObject({
      outcome: 'source-error',
      error: { code: 'CZ_STREAM_ITEM' },
    })
  })

  holds('a write that waits for the reader rejects when the client leaves', async ({ serve }) => {
    const { response, writer: given, journal } = heldWriter()
    const server = await serve(response)
    const client = await server.connect({ consume: () => {} })
    client.request({})
    const w = await given()
    let writes = 0
    const rejected = codeOf(
      (async () => {
        for (;;) {
          await w.write('x'.repeat(10_000))
          writes++
        }
      })(),
    )
    await client.response()
    client.stall()
    await settled(() => writes, 'a stalled writer')
    client.reset()
    expect(await rejected).toBe('CZ_STREAM_ABORTED')
    expect((await journal.first<StreamEnd>('after')).outcome).toBe('client-abort')
    expect(w.closed).toBe(true)
    expect(w.signal.aborted).toBe(true)
  })

  holds('writes that nobody awaits do not crash the process when the client leaves', async ({ serve }) => {
    const { response, writer: given, journal } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    void w.write('first')
    const answer = await client.response()
    await answer.receives('first')
    client.stall()
    for (let i = 0; i < 100; i++) void w.write('x'.repeat(100_000))
    client.reset()
    await journal.first('after')
    void w.write('after the end')
    void w.flush()
    await new Promise(setImmediate) // Unhandled rejections are reported by now, and fail the run.
    expect(w.closed).toBe(true)
  })

  for (const [face, pipe] of Object.entries(PIPES)) {
    holds(`what is piped into its ${face} arrives whole, after the callback has returned`, async ({ serve }) => {
      const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i} é€😀\n`)
      const server = await serve(() => StreamingResponse.fromWriter((w) => void pipe(Readable.from(lines), w)))
      const response = await server.get()
      expect((await response.whole()) === lines.join('')).toBe(true)
    })

    holds(`a client that leaves ends what is piped into its ${face}, while it is silent`, async ({ serve }) => {
      const journal = new Journal()
      const source = new Readable({ read() {} })
      source.push('first')
      source.on('close', () => journal.note('closed'))
      const server = await serve(() => {
        return StreamingResponse.fromWriter((w) => pipe(source, w)).after(journal.noting('after'))
      })
      const client = await server.connect()
      const response = await client.get()
      await response.receives('first')
      client.reset()
      await journal.first('closed', CLEAN_UP_MS)
      expect(await journal.first<StreamEnd>('after')).toMatchObject({ outcome: 'client-abort', error: undefined })
    })
  }

  holds('a writer that ignores all promises gets an error instead of all the memory', async ({ serve }) => {
    const { response, writer: given, journal } = heldWriter()
    const server = await serve(response)
    const client = await server.connect({ consume: () => {} })
    client.request({})
    const w = await given()
    void w.write('first')
    await client.response()
    client.stall()
    for (let i = 0; i < 1_000 && !w.closed; i++) void w.write('x'.repeat(100_000))
    expect(await codeOf(w.write('more'))).toBe('CZ_STREAM_ABORTED')
    const end = await journal.first<StreamEnd>('after')
    expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_WRITER_AHEAD' } })
  })
})
