import { sendInMemory, until, type MemoryExchange } from '@catzilla/testkit'
import { expect, test, vi } from 'vitest'
import { StreamingResponse } from '@catzilla/streaming'

const loopTurn = () => new Promise(setImmediate)

interface Settled<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

/** `Promise.withResolvers` is not in Node 20. */
function withResolvers<T>(): Settled<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** A feed whose listeners all wait for the promise of its next event. */
function feed() {
  let next = withResolvers<string>()
  function* events() {
    while (true) yield next.promise
  }
  return {
    listen: (): MemoryExchange => sendInMemory(new StreamingResponse(events(), { head: 'eager' })),
    get next() {
      return next
    },
    publish(event: string) {
      const { resolve } = next
      next = withResolvers()
      resolve(event)
    },
  }
}

const texts = (clients: readonly MemoryExchange[]) => clients.map(({ sink }) => sink.text)

test('streams that wait for the same promise share one reaction, and all get its answer', async () => {
  const { listen, next, publish } = feed()
  const then = vi.spyOn(next.promise, 'then')
  const clients = [listen(), listen(), listen()]
  expect(then).toHaveBeenCalledTimes(1)
  publish('one ')
  await loopTurn()
  publish('two ')
  // On a busy machine, the loop gets its turn between two of them.
  await until(() => texts(clients).every((text) => text === 'one two '), 'all should get both')
  for (const { sink } of clients) sink.lose()
})

test('the first of them may leave, and so may any other', async () => {
  const { listen, publish } = feed()
  const clients = [listen(), listen(), listen(), listen()]
  clients[0]!.sink.lose()
  clients[2]!.sink.lose()
  const late = listen()
  publish('one ')
  await until(() => texts([...clients, late]).join() === ',one ,,one ,one ', 'all who stay should get it')
  for (const { sink } of [...clients, late]) sink.lose()
})

test('a promise that rejects breaks each of them', async () => {
  const { listen, next } = feed()
  const clients = [listen(), listen(), listen()]
  const reason = new Error('the feed failed')
  next.reject(reason)
  for (const client of clients) expect(await client.end()).toMatchObject({ outcome: 'source-error', error: reason })
})

test('who comes to a promise that has settled meanwhile is answered as well', async () => {
  const { promise, resolve } = withResolvers<string>()
  function* events() {
    yield promise
    yield promise
  }
  const listen = () => sendInMemory(new StreamingResponse(events()))
  const clients = [listen(), listen()]
  resolve('x')
  clients.push(listen())
  await loopTurn()
  clients.push(listen())
  await until(() => texts(clients).join() === 'xx,xx,xx,xx', 'all should get both')
})

test('a thenable that does its work for each then() is asked by each', async () => {
  let asked = 0
  const query: PromiseLike<string> = {
    // oxlint-disable-next-line no-thenable -- As query builders are.
    then: (ok) => {
      asked++
      return Promise.resolve(`row ${asked}`).then(ok)
    },
  }
  function* rows() {
    yield query
  }
  const clients = [rows(), rows()].map((source) => sendInMemory(new StreamingResponse(source)))
  await until(() => texts(clients).join() === 'row 1,row 2', 'each should get its own')
})
