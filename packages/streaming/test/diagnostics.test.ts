import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MemoryExchange, sendInMemory } from '@catzilla/testkit'
import { afterEach, expect, test, vi } from 'vitest'
import { StreamingResponse, type StreamTrace } from '@catzilla/streaming'
import { startTrace } from '../src/diagnostics.ts'

const listeners: [string, (message: unknown) => void][] = []

function listen(event: string, listener: (trace: StreamTrace) => void): void {
  const entry: [string, (message: unknown) => void] = [
    `catzilla:stream-${event}`,
    (message) => listener(message as StreamTrace),
  ]
  subscribe(...entry)
  listeners.push(entry)
}

afterEach(() => {
  for (const entry of listeners.splice(0)) unsubscribe(...entry)
  vi.restoreAllMocks()
})

test('nothing is traced when nobody subscribes', async () => {
  const publish = vi.spyOn(channel('catzilla:stream-end'), 'publish')
  await sendInMemory(new StreamingResponse('body')).end()
  expect(startTrace(new MemoryExchange().request, 200)).toBeUndefined()
  expect(publish).not.toHaveBeenCalled()
})

test('one subscriber to one channel is enough to count', async () => {
  let trace: StreamTrace | undefined
  listen('end', (published) => (trace = published))
  const exchange = sendInMemory(new StreamingResponse(['héllo']))
  await exchange.end()
  expect(trace).toMatchObject({ request: exchange.request, status: 200, bytes: 6, frames: 1 })
  expect(trace!.end).toBe(exchange.ends[0])
})

test('it is the same trace from start to end', async () => {
  const traces = new Set<StreamTrace>()
  for (const event of ['start', 'first-byte', 'end']) listen(event, (trace) => traces.add(trace))
  await sendInMemory(new StreamingResponse(['body'])).end()
  expect(traces.size).toBe(1)
})

test('stalls are counted, and their time', async () => {
  let clock = 1
  vi.spyOn(performance, 'now').mockImplementation(() => clock)
  const events: string[] = []
  for (const event of ['stall', 'resume', 'end']) listen(event, () => events.push(event))
  let trace: StreamTrace | undefined
  listen('end', (published) => (trace = published))
  const exchange = sendInMemory(new StreamingResponse(['x'.repeat(3_000), 'next']), { room: 1 })
  clock += 40
  exchange.sink.drain()
  await exchange.end()
  expect(events).toEqual(['stall', 'resume', 'end'])
  expect(trace).toMatchObject({ stalls: 1, stallMs: 40 })
})
