import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { OutsideReader } from '../outside-reader.ts'
import { EndlessSource } from '../scripted-source.ts'
import { Journal, until } from '../waits.ts'
import { chapter, type Stage } from './chapter.ts'

/** How long a busy source goes on. */
const BUSY_MS = 400

/** So many others are answered meanwhile, one after another, also on a busy machine; beside an unfair stream it is a handful. */
const ANSWERS = 10

/** As small as lines are: a frame of them takes long enough to make for a reader outside to keep up with it. */
const LINE = 'Data 1234567\n'
const KIB = 'x'.repeat(1024)

/** Each is always ready, until its time is over. */
const BUSY: Record<string, () => StreamingResponse<never>> = {
  'a sync generator of lines': () => new StreamingResponse(repeat(LINE)),
  'a sync generator of single characters': () => new StreamingResponse(repeat('x')),
  'a sync generator of empty items': () => new StreamingResponse(repeat(''), { head: 'eager' }),
  'a sync generator of settled promises': () => new StreamingResponse(repeat(Promise.resolve(KIB))),
  'a sync generator of large bytes': () => new StreamingResponse(repeat(Buffer.alloc(100_000))),
  'an async generator of lines': () => new StreamingResponse(repeatAsync(LINE)),
  'an async generator of larger items': () => new StreamingResponse(repeatAsync(KIB)),
  'a writer that awaits its writes': () =>
    StreamingResponse.fromWriter(async (w) => {
      for (const item of repeat(LINE)) await w.write(item)
    }),
}

function* repeat<T>(item: T): Generator<T> {
  const end = performance.now() + BUSY_MS
  while (performance.now() < end) yield item
}

async function* repeatAsync<T>(item: T): AsyncGenerator<T> {
  yield* repeat(item)
}

export const fairness = chapter('4. fair', (holds) => {
  for (const [kind, busy] of Object.entries(BUSY)) {
    holds(`${kind} that is always ready does not starve other requests`, (stage) => othersAreAnswered(stage, busy))
  }

  holds('a newcomer is answered beside fifty endless streams', async ({ serve }) => {
    const server = await serve({
      '/endless': () => new StreamingResponse(new EndlessSource().sync()),
      '/other': () => new StreamingResponse('other'),
    })
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect({ consume: () => {} })))
    await Promise.all(clients.map((client) => client.get('/endless')))
    const asked = performance.now()
    const other = await server.get('/other')
    await other.whole()
    expect(performance.now() - asked).toBeLessThan(1_000)
  })

  holds('endless streams go on side by side', async ({ serve }) => {
    const [one, two] = [new EndlessSource(), new EndlessSource()]
    const server = await serve({
      '/one': () => new StreamingResponse(one.sync()),
      '/two': () => new StreamingResponse(two.async()),
    })
    await Promise.all(['/one', '/two'].map((path) => server.get(path, {}, { consume: () => {} })))
    const enough = 8 * 1024 * 1024
    await until(() => one.produced + two.produced > 4 * enough, 'the streams should go on')
    expect(Math.min(one.produced, two.produced)).toBeGreaterThan(enough / 4)
  })
})

async function othersAreAnswered({ serve }: Stage, busy: () => StreamingResponse<never>): Promise<void> {
  const journal = new Journal()
  const server = await serve({
    '/busy': () => busy().after(journal.noting('after')),
    '/other': () => new StreamingResponse('other'),
  })
  const client = await server.connect()
  const reader = await OutsideReader.read(server, '/busy')
  const end = performance.now() + BUSY_MS
  let answers = 0
  while (performance.now() < end) {
    const response = await client.get('/other')
    await response.whole()
    answers++
  }
  expect(answers).toBeGreaterThanOrEqual(ANSWERS)
  expect((await journal.first<StreamEnd>('after')).outcome).toBe('completed')
  await reader.stop()
}
