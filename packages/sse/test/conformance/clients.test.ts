import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { send } from '@catzilla/streaming/node'
import { until } from '@catzilla/testkit'
import { findChromium, launchChromium } from '@catzilla/testkit/chromium'
import { EventSource as UndiciEventSource } from 'undici'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectEvents } from '../../src/client.ts'
import { createChannel } from '../../src/index.ts'
import type { Case, Dispatched } from './cases.ts'
import { CASES, CUTS, JudgedServer } from './judged-server.ts'

let server: JudgedServer
beforeAll(async () => {
  server = await JudgedServer.start()
})
afterAll(() => server?.close())

type Judge = (url: string) => Promise<Dispatched[]>

/** What an `EventSource` dispatches until it is closed for good. Runs in the browser, too: it must stand alone. */
function listen(url: string, Source: unknown): Promise<Dispatched[]> {
  interface EventSourceLike {
    readonly readyState: number
    addEventListener(type: string, listener: (event: Dispatched) => void): void
  }
  return new Promise((resolve) => {
    const events: Dispatched[] = []
    const source = new (Source as new (url: string) => EventSourceLike)(url)
    for (const each of ['message', 'test']) {
      source.addEventListener(each, ({ type, data, lastEventId }) => events.push({ type, data, lastEventId }))
    }
    source.addEventListener('error', () => source.readyState === 2 && resolve(events))
  })
}

async function listenByOurs(url: string): Promise<Dispatched[]> {
  const events: Dispatched[] = []
  for await (const { type, data, lastEventId } of connectEvents(url, { retryMs: 50 })) {
    if (type === 'message' || type === 'test') events.push({ type, data, lastEventId })
  }
  return events
}

/** @param except cases in which this client is another than the standard says, and why. */
function judgedBy(name: string, judge: Judge, except: Readonly<Record<string, string>> = {}): void {
  describe.concurrent.each(CUTS)('%s', (cut) => {
    const cases = CASES.map((each, index) => [each.name, each, index] as const)
    test.each(cases.filter(([name]) => !(name in except)))('%s', async (_name, each: Case, index) => {
      const path = `/${index}/${cut}?${name}`
      const events = await judge(`${server.url}${path}`)
      const expected = each.events.map((event) => (typeof event === 'string' ? { data: event } : event))
      expect(events).toMatchObject(expected)
      expect(events).toHaveLength(expected.length)
      if (each.comesBack !== undefined) expect(server.cameBack(path)).toBe(each.comesBack)
    })
  })
}

describe('our client', () => {
  judgedBy('ours', listenByOurs, {
    'format-field-id-2': 'eventsource-parser forgets the id of an event without data',
    'an id alone sticks': 'eventsource-parser forgets the id of an event without data',
    'format-newlines': 'eventsource-parser waits for a LF behind the CR that ends the body',
  })
})

describe('the EventSource of undici', () => {
  judgedBy('undici', (url) => listen(url, UndiciEventSource), {
    'format-field-id': 'undici does not come back with an id beyond Latin-1',
    'type, id and comment': 'undici does not come back with an id beyond Latin-1',
  })
})

const missing = findChromium() === undefined && !process.env['CI']
if (missing) console.warn('The tests of EventSource in Chromium need it: sudo apt-get install -y chromium')

describe.skipIf(missing)('the EventSource of Chromium', () => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launchChromium()
    page = await browser.newPage()
    await page.goto(server.url)
  }, 60_000)
  afterAll(() => browser?.close())

  judgedBy('chromium', (url) => page.evaluate(`(${listen.toString()})(${JSON.stringify(url)}, EventSource)`), {
    'format-utf-8': 'Chromium refuses another charset than UTF-8',
  })

  test('comes back to a channel with its last id, and gets what it missed, once', async () => {
    const channel = createChannel({ replay: { events: 100 }, retryMs: 20, heartbeatMs: null })
    const sockets: Socket[] = []
    const events = createServer((req, res) => {
      if (req.url !== '/events') return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
      sockets.push(req.socket)
      return send(req, res, channel.subscribe())
    })
    await new Promise<void>((resolve) => events.listen(0, '127.0.0.1', resolve))
    const other = await browser.newPage()
    await other.goto(`http://127.0.0.1:${(events.address() as AddressInfo).port}/`)
    await other.evaluate(`{
      globalThis.seen = []
      globalThis.source = new EventSource('/events')
      for (const type of ['message', 'resync']) source.addEventListener(type, ({ data }) => seen.push(data))
    }`)
    await until(() => channel.size === 1, 'it should listen', 10_000)
    for (let i = 0; i < 30; i++) {
      await channel.publish(String(i))
      if (i % 10 === 5) {
        await vi.waitFor(async () => expect(await other.evaluate('seen.length')).toBe(i + 1), 10_000)
        sockets.at(-1)!.destroy()
      }
    }
    const all = Array.from({ length: 30 }, (_, i) => String(i))
    await vi.waitFor(async () => expect(await other.evaluate('seen')).toEqual(all), 10_000)
    expect(sockets.length).toBe(4)
    expect(channel.stats).toMatchObject({ replays: 3, resyncs: 0 })
    await other.close()
    events.close().closeAllConnections()
  })
})
