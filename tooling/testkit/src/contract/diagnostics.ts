import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as after } from 'node:timers/promises'
import { StreamingResponse, type StreamTrace } from '@catzilla/streaming'
import { expect } from 'vitest'
import { EndlessSource, ScriptedSource } from '../scripted-source.ts'
import { Journal, settled } from '../waits.ts'
import { chapter, type Stage } from './chapter.ts'

const EVENTS = ['start', 'first-byte', 'stall', 'resume', 'end'] as const

let lastId = 0

/** Notes what is published about the streams of one URL, while `run` runs. */
async function listening(run: (url: string, journal: Journal) => Promise<void>): Promise<void> {
  const url = `/?traced=${++lastId}`
  const journal = new Journal()
  const listeners = EVENTS.map((event) => {
    const listener = (trace: unknown) => {
      if ((trace as StreamTrace).request.url === url) journal.note(event, trace)
    }
    return { channel: `catzilla:stream-${event}`, listener }
  })
  for (const { channel, listener } of listeners) subscribe(channel, listener)
  try {
    await run(url, journal)
  } finally {
    for (const { channel, listener } of listeners) unsubscribe(channel, listener)
  }
}

/** Serves a response to one traced request, reads it whole, and gives the trace of its end. */
async function traceOf({ serve }: Stage, response: () => StreamingResponse<never>): Promise<StreamTrace> {
  let trace: StreamTrace | undefined
  const server = await serve(response)
  await listening(async (url, journal) => {
    const answer = await server.get(url)
    await answer.ended()
    trace = await journal.first<StreamTrace>('end')
  })
  return trace!
}

export const diagnostics = chapter('10. seen', (holds) => {
  holds('start, first byte and end are published, in that order', async ({ serve }) => {
    const server = await serve(() => new StreamingResponse(['one', 'two']))
    await listening(async (url, journal) => {
      const response = await server.get(url)
      await response.whole()
      await journal.first('end')
      expect(journal.events).toEqual(['start', 'first-byte', 'end'])
    })
  })

  holds('the trace tells status, bytes, frames and outcome', async (stage) => {
    const trace = await traceOf(
      stage,
      () =>
        new StreamingResponse(
          async function* () {
            yield 'héllo'
            await new Promise(setImmediate)
            yield 'you'
          },
          { status: 201 },
        ),
    )
    expect(trace).toMatchObject({ status: 201, bytes: 9, frames: 2, stalls: 0, end: { outcome: 'completed' } })
    expect(trace.firstByteAt).toBeGreaterThanOrEqual(trace.startedAt)
    expect(trace.endedAt).toBeGreaterThanOrEqual(trace.firstByteAt!)
  })

  holds('the trace counts what was sent before a failure', async (stage) => {
    const trace = await traceOf(
      stage,
      () =>
        new StreamingResponse(function* () {
          yield 'before'
          throw new Error('failed')
        }),
    )
    expect(trace).toMatchObject({ bytes: 6, frames: 1, end: { outcome: 'source-error' } })
  })

  holds('the wait for the source is told apart', async (stage) => {
    const trace = await traceOf(
      stage,
      () =>
        new StreamingResponse(async function* () {
          yield 'first'
          await after(100)
          yield 'second'
        }),
    )
    expect(trace.sourceWaitMs).toBeGreaterThan(80)
    expect(trace.stallMs).toBe(0)
  })

  holds('the wait for a reader is published as stall and resume', async ({ serve }) => {
    const source = new EndlessSource()
    const server = await serve(() => new StreamingResponse(source.sync()))
    await listening(async (url, journal) => {
      const client = await server.connect({ consume: () => {} })
      await client.get(url)
      client.stall()
      await journal.first('stall')
      await settled(() => source.produced, 'the stalled stream', 200)
      client.resume()
      await journal.first('resume')
      await settled(() => Number(source.produced > 32 * 1024 * 1024), 'the stream')
      client.leave()
      const trace = await journal.first<StreamTrace>('end')
      expect(trace.stalls).toBeGreaterThan(0)
      expect(trace.stallMs).toBeGreaterThan(100)
      expect(trace.end?.outcome).toBe('client-abort')
    })
  })

  holds('a stream that failed early was never seen to send a byte', async ({ serve }) => {
    const script = new ScriptedSource()
    script.fail(new Error('failed'))
    const server = await serve(() => new StreamingResponse(script))
    await listening(async (url, journal) => {
      const response = await server.get(url)
      await response.whole()
      const trace = await journal.first<StreamTrace>('end')
      expect(trace).toMatchObject({ bytes: 0, frames: 0, firstByteAt: undefined, end: { outcome: 'source-error' } })
    })
  })
})
