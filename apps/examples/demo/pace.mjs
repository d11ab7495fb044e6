import { setTimeout as sleep } from 'node:timers/promises'

/** Shorter waits cost more than they slow down: the next items wait for them together. */
const SHORTEST_MS = 8

/**
 * Passes on what `source` gives, at most `perSecond` items a second.
 *
 * @template Item
 * @param {AsyncIterable<Item>} source
 * @param {string | number | null} perSecond without it, as fast as the client takes them
 */
export async function* paced(source, perSecond) {
  const rate = Number(perSecond) || Infinity
  const started = performance.now()
  let passed = 0
  for await (const item of source) {
    const early = started + (passed++ * 1000) / rate - performance.now()
    if (early > SHORTEST_MS) await sleep(early)
    yield item
  }
}
