import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LoopWatch } from '../src/loop-watch.ts'

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('a blocked loop shows, until it was asked for', async () => {
  const watch = new LoopWatch()
  await pause(50)
  watch.read()
  await pause(50)
  block(200)
  await pause(50)
  const busy = watch.read()
  expect(busy.lagMs.max).toBeGreaterThan(150)
  expect(busy.lagMs.max).toBeLessThan(1_000)
  expect(busy.utilization).toBeGreaterThan(0.5)
  await pause(300)
  const idle = watch.read()
  expect(idle.lagMs.max).toBeLessThan(busy.lagMs.max)
  expect(idle.utilization).toBeLessThan(busy.utilization)
  watch.stop()
})

test('asked at once, it has seen nothing', () => {
  const watch = new LoopWatch()
  expect(watch.read().lagMs).toEqual({ p50: 0, p99: 0, max: 0 })
  watch.stop()
})
