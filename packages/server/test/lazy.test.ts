import { createHook } from 'node:async_hooks'
import { queryObjects } from 'node:v8'
import { StreamingResponse } from '@catzilla/streaming'
import { until } from '@catzilla/testkit'
import { expect, test, vi } from 'vitest'
import { ServerRequest } from '../src/request.ts'
import { NativeBody } from '../src/transport/native-body.ts'
import { NativeExchange } from '../src/transport/native-exchange.ts'
import { RawHeaders } from '../src/transport/raw-headers.ts'
import { Stage } from './suite/stage.ts'

// What the native engine does not make unless a handler asks for it.

const { serve } = new Stage('native')
const STREAMS = 20

/** How many there are, when what nobody holds is collected. */
const alive = (type: abstract new (...args: never[]) => unknown): number => queryObjects(type, { format: 'count' })

test('an answer makes no promise, signal, header object or body that its handler does not ask for', async () => {
  const made: string[] = []
  for (const part of ['headers', 'signal', 'body'] as const) {
    vi.spyOn(NativeExchange.prototype, part, 'get').mockImplementation(() => {
      made.push(part)
      throw new Error(`nobody asked for the ${part}`)
    })
  }
  let watched: Promise<void> | undefined
  const { connect } = await serve((app) =>
    app.get('/', () => {
      const hook = createHook({ init: (_id, type) => void (type !== 'TickObject' && made.push(type)) })
      watched = new Promise((resolve) => {
        process.nextTick(() => {
          hook.disable() // The wake of the engine, with the answer, is over.
          resolve()
        })
      })
      hook.enable()
      return 'hello'
    }),
  )
  try {
    const client = await connect()
    expect(await (await client.get('/')).whole()).toBe('hello')
    await watched
    expect(made).toEqual([])
  } finally {
    vi.restoreAllMocks()
  }
})

test('a stream that waits holds neither request, exchange, headers nor body', async () => {
  const parts = [ServerRequest, NativeExchange, RawHeaders, NativeBody]
  const never = new Promise<string>(() => {})
  const before = parts.map(alive)
  const { app, connect } = await serve((each) =>
    each.get('/', (req) => {
      req.headers.get('host')
      function* source() {
        yield 'first'
        yield never
      }
      return new StreamingResponse(source, { head: 'eager', heartbeat: { intervalMs: 15_000, frame: ':\n\n' } })
    }),
  )
  const responses = await Promise.all(Array.from({ length: STREAMS }, async () => (await connect()).get('/')))
  await Promise.all(responses.map((response) => response.receives('first')))
  await until(() => app.stats().activeStreams === STREAMS, 'all streams should be open')
  const left = parts.map((type, i) => alive(type) - before[i]!)
  // The engine's last one may still be in a register or on a stack.
  for (const count of left) expect(count).toBeLessThanOrEqual(2)
})
