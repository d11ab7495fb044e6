import { StreamingResponse, type StreamEnd, type StreamWriter } from '@catzilla/streaming'
import { expect } from 'vitest'
import { Journal, settled } from '../waits.ts'
import { chapter } from './chapter.ts'

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

  holds('a write of what is neither text nor bytes rejects', async ({ serve }) => {
    const { response, writer: given, finish } = heldWriter()
    const server = await serve(response)
    const client = await server.connect()
    client.request({})
    const w = await given()
    expect(await codeOf(w.write({} as unknown as string))).toBe('CZ_STREAM_ITEM')
    finish()
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
