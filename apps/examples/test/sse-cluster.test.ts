import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { connectEvents } from '@catzilla/sse/client'
import { describeWithRedis } from '@catzilla/testkit'
import { findChromium, launchChromium } from '@catzilla/testkit/chromium'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster } from '../sse-cluster/cluster.mjs'
import { complaintsOf, until } from './helpers.ts'

const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url))

interface Note {
  note: { from: string; text?: string; tick?: number }
  resync: { reason: string }
}

describeWithRedis('two servers with Redis between them', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>
  beforeAll(async () => {
    cluster = await startCluster()
  }, 30_000)
  afterAll(() => cluster?.close())

  const urlOf = (index: number) => cluster.nodes[index]!.url
  const publish = (index: number, text: string) =>
    fetch(`${urlOf(index)}/publish?text=${encodeURIComponent(text)}`, { method: 'POST' })

  /** A client with all that it sees. */
  function client(index: number, lastEventId = '') {
    const seen: { text: string; id: string }[] = []
    const resyncs: string[] = []
    const connection = connectEvents<Note>(`${urlOf(index)}/events`, { lastEventId, retryMs: 50, parse: JSON.parse })
    const reading = (async () => {
      for await (const event of connection) {
        if (event.type === 'resync') resyncs.push(event.data.reason)
        else seen.push({ text: event.data.text ?? `${event.data.from}${event.data.tick}`, id: event.lastEventId })
      }
    })()
    return {
      seen,
      resyncs,
      texts: () => seen.map(({ text }) => text).filter((text) => /^[a-z]/.test(text)),
      async leave() {
        connection.close()
        await reading
        return connection.lastEventId
      },
    }
  }

  const numbersOf = ({ seen }: ReturnType<typeof client>) =>
    seen.map(({ id }) => Number(id.slice(id.lastIndexOf('.') + 1)))
  function expectWhole(of: ReturnType<typeof client>) {
    const numbers = numbersOf(of)
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
    expect(of.resyncs).toEqual([])
  }

  test('what is published on B is seen on A, once', async () => {
    const onA = client(0)
    await until('something to come', () => onA.seen.length > 0)
    await publish(1, 'from b')
    await publish(0, 'from a')
    await until('both', () => onA.texts().length === 2)
    expect(onA.texts()).toEqual(['from b', 'from a'])
    await onA.leave()
    expectWhole(onA)
  })

  test('a client moves from A to B with its id, and misses nothing', async () => {
    const onA = client(0)
    await until('something to come', () => onA.seen.length > 2)
    const id = await onA.leave()
    await publish(0, 'meanwhile')
    const onB = client(1, id)
    await until('what was missed', () => onB.texts().includes('meanwhile'))
    await onB.leave()
    expectWhole({ ...onB, seen: [...onA.seen, ...onB.seen] })
  })

  test('Redis is killed and started again: nothing acknowledged is lost, and clients go on', async () => {
    const clients = [client(0), client(1)]
    for (const each of clients) await until('something to come', () => each.seen.length > 0)
    await publish(0, 'before')
    await cluster.redis.kill()
    const waiting = [publish(0, 'while one'), publish(1, 'while two')]
    await cluster.redis.start()
    for (const response of await Promise.all(waiting)) expect(response.status).toBe(200)
    await publish(1, 'after')
    for (const each of clients) {
      await until('all of it', () => each.texts().includes('after'))
      expect(each.texts().toSorted()).toEqual(['after', 'before', 'while one', 'while two'])
      await each.leave()
      expectWhole(each)
    }
  })

  const missing = findChromium() === undefined && !process.env['CI']
  describe.skipIf(missing)('the page in Chromium', () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await launchChromium()
    }, 30_000)
    afterAll(() => browser?.close())

    const count = async (page: Page, id: string, name: string) =>
      Number(await page.locator(`#${id} [data-value="${name}"]`).innerText())

    test.each(['light', 'dark'] as const)(
      'shows both servers, also over a restart of Redis (%s)',
      async (colorScheme) => {
        const page = await browser.newPage({ viewport: { width: 1280, height: 760 }, colorScheme })
        const complaints = complaintsOf(page)
        await page.goto(urlOf(0))
        await page.locator('#node-B[data-state="open"]').waitFor()
        await page.fill('#node-B input', `hello from ${colorScheme}`)
        await page.press('#node-B input', 'Enter')
        for (const id of ['node-A', 'node-B', 'traveller']) {
          await page.locator(`#${id} li`, { hasText: `hello from ${colorScheme}` }).waitFor()
        }
        await page.click('#kill')
        await page.locator('#redis[data-state="gone"]').waitFor()
        await page.click('#start')
        const seen = await count(page, 'node-A', 'events')
        await until('events behind the restart', async () => (await count(page, 'node-A', 'events')) > seen + 8, 15_000)
        await until(
          'the traveller to have moved',
          async () => (await count(page, 'traveller', 'events')) > seen,
          15_000,
        )
        for (const id of ['node-A', 'node-B', 'traveller']) {
          expect([await count(page, id, 'missing'), await count(page, id, 'twice')]).toEqual([0, 0])
        }
        mkdirSync(SCREENSHOTS, { recursive: true })
        await page.screenshot({ path: `${SCREENSHOTS}sse-cluster-${colorScheme}.png`, fullPage: true })
        await page.close()
        expect(complaints).toEqual([])
      },
    )
  })
})
