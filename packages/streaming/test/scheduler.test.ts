import { expect, test, vi } from 'vitest'
import { afterMicrotasks, nextTurn, whenSettled } from '../src/scheduler.ts'

test.each<[string, (run: () => void) => void]>([
  ['a microtask', queueMicrotask],
  ['a task of the loop', setImmediate],
])(
  'afterMicrotasks, called from %s, runs behind the microtasks of this turn, and before the next',
  async (_from, call) => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      call(() => {
        setImmediate(() => {
          order.push('next turn')
          resolve()
        })
        afterMicrotasks((what) => order.push(what), 'after microtasks')
        void Promise.resolve()
          .then(() => order.push('microtask'))
          .then(() => order.push('another'))
      })
    })
    expect(order).toEqual(['microtask', 'another', 'after microtasks', 'next turn'])
  },
)

test('nextTurn lets pending I/O have its chance', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    nextTurn((done) => {
      order.push('next turn')
      done()
    }, resolve)
    process.nextTick(() => order.push('tick'))
    void Promise.resolve().then(() => order.push('microtask'))
  })
  expect(order.at(-1)).toBe('next turn')
})

test('without process and setImmediate a message channel stands in', async () => {
  vi.resetModules()
  vi.stubGlobal('process', undefined)
  vi.stubGlobal('setImmediate', undefined)
  const scheduler = await import('../src/scheduler.ts').finally(() => vi.unstubAllGlobals())
  const order: string[] = []
  await new Promise<void>((resolve) => {
    scheduler.nextTurn((what) => order.push(what), 'first')
    scheduler.nextTurn((done) => {
      order.push('second')
      done()
    }, resolve)
    void Promise.resolve().then(() => order.push('microtask'))
  })
  expect(order).toEqual(['microtask', 'first', 'second'])
})

test('whenSettled calls back once, whichever comes first', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const [settled, rejected, late] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()]
    whenSettled(Promise.resolve(), 100, settled)
    whenSettled(Promise.reject(new Error('failed')), 100, rejected)
    whenSettled(new Promise(() => {}), 100, late)
    await new Promise(setImmediate)
    expect(late).not.toHaveBeenCalled()
    vi.advanceTimersByTime(200)
    for (const callback of [settled, rejected, late]) expect(callback).toHaveBeenCalledOnce()
  } finally {
    vi.useRealTimers()
  }
})
