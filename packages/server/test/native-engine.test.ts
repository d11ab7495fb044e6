import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { Journal, until } from '@catzilla/testkit'
import { expect, test } from 'vitest'
import { Stage } from './suite/stage.ts'

// What only the native engine has.

const { serve } = new Stage('native')

test('stats tell what is buffered for slow clients, now and at most', async () => {
  const { app, connect } = await serve((each) => each.get('/', () => 'x'.repeat(20_000_000)))
  const client = await connect()
  client.stall()
  client.request({})
  await until(() => app.stats().engine!.bufferedBytes > 1_000_000, 'the answer should wait')
  client.resume()
  await (await client.response()).whole()
  await until(() => app.stats().engine!.bufferedBytes === 0, 'all should be with the kernel')
  const { bufferedPeak, poolBytes, slabBytes, slotBytes, backend } = app.stats().engine!
  expect(bufferedPeak).toBeGreaterThan(1_000_000)
  expect(poolBytes).toBeGreaterThan(0)
  expect(slotBytes).toBeLessThanOrEqual(192)
  expect(slabBytes).toBeGreaterThanOrEqual(slotBytes)
  expect(['epoll', 'uv']).toContain(backend)
})

test('a buffer that is transferred away while it is sent is a typed error', async () => {
  const journal = new Journal()
  const buffer = new Uint8Array(20_000_000)
  const { app, connect } = await serve((each) =>
    each.get('/', () =>
      new StreamingResponse(function* () {
        yield buffer
        yield 'more'
      }).after(journal.noting('after')),
    ),
  )
  const client = await connect()
  client.stall()
  client.request({})
  await until(() => app.stats().engine!.bufferedBytes > 0, 'bytes should wait')
  structuredClone(buffer, { transfer: [buffer.buffer] })
  client.resume()
  const end = await journal.first<StreamEnd>('after')
  expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_BUFFER' } })
  await until(() => app.stats().connections === 0, 'the connection should be broken')
})

test('streams that stall together are held back together', async () => {
  const limits = { maxBufferedBytes: 300_000 }
  const produced: number[] = []
  const { app, connect } = await serve(
    (each) =>
      each.get('/', function* () {
        const index = produced.push(0) - 1
        for (;;) {
          yield 'x'.repeat(10_000)
          produced[index]! += 10_000
        }
      }),
    { limits },
  )
  const clients = await Promise.all(Array.from({ length: 20 }, connect))
  for (const client of clients) {
    client.stall()
    client.request({})
  }
  await until(() => produced.length === 20 && app.stats().engine!.stalls >= 20, 'all should stall')
  // Each has at most one frame more than the sum allows.
  expect(app.stats().engine!.bufferedPeak).toBeLessThan(300_000 + 20 * 48 * 1024)
})
