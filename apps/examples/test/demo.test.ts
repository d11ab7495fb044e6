import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDemo } from '../demo/app.mjs'
import { complaintsOf, findChromium, launchChromium, until } from './helpers.ts'

const executablePath = findChromium()
const required = Boolean(process.env['CI'])
if (executablePath === undefined && !required) {
  console.warn('The tests of the demo page need Chromium: sudo apt-get install -y chromium')
}

const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url))

/** What runs in the page is text here, as the types of a browser are not those of this program. */
const observe = (selector: string) => `{
  const target = document.querySelector(${JSON.stringify(selector)})
  globalThis.changes = []
  new MutationObserver(() => changes.push({ ms: performance.now(), text: target.textContent })).observe(target, {
    childList: true,
    characterData: true,
    subtree: true,
  })
}`

/** One change of the page, as an observer in it has seen it. */
interface Change {
  ms: number
  text: string
}

describe.skipIf(executablePath === undefined && !required)('the demo page in Chromium', { timeout: 60_000 }, () => {
  let demo: Awaited<ReturnType<typeof startDemo>>
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    demo = await startDemo()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await demo?.close()
  })

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1360, height: 1000 } })
    complaints = complaintsOf(page)
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText
      if (reason !== 'net::ERR_ABORTED') complaints.push(`${request.url()}: ${reason}`)
    })
    await page.goto(demo.url)
    await stateOf('events', 'running')
  })
  afterEach(async () => {
    await page.close()
    expect(complaints).toEqual([])
    await noStreamLeft()
  })

  const activeStreams = () => demo.app.stats().activeStreams
  const noStreamLeft = () => until('no active stream', () => activeStreams() === 0)
  const start = (id: string) => page.click(`#${id} [data-start]`)
  const value = (id: string, name: string) => page.locator(`#${id} [data-value="${name}"]`).innerText()
  const numberOf = async (id: string, name: string) => Number((await value(id, name)).replace(/[^\d.]/g, ''))

  async function stateOf(id: string, state: string) {
    await page.locator(`#${id}[data-state="${state}"]`).waitFor({ timeout: 30_000 })
  }

  /** Keeps the time of every change below `selector`, with the text that was there then. */
  async function record(selector: string) {
    await page.evaluate(observe(selector))
    return () => page.evaluate<Change[]>('changes')
  }

  test('tokens are typed one after another', async () => {
    const changes = await record('#answer [data-output]')
    await start('answer')
    await stateOf('answer', 'done')

    const typed = (await changes()).filter(({ text }) => text !== '')
    expect(typed.length).toBeGreaterThan(60)
    expect(typed.at(-1)!.ms - typed[0]!.ms).toBeGreaterThan(2_000)
    // At half of the time, about half of the text is there.
    const middle = typed.find(({ ms }) => ms > (typed[0]!.ms + typed.at(-1)!.ms) / 2)!
    expect(middle.text.length / typed.at(-1)!.text.length).toBeGreaterThan(0.2)
    expect(middle.text.length / typed.at(-1)!.text.length).toBeLessThan(0.8)
    expect(await numberOf('answer', 'items')).toBeGreaterThan(60)
    expect(await page.locator('#answer [data-verdict]').innerText()).toContain('completed')
  })

  test('rows arrive over time, and Stop ends the generator on the server', async () => {
    await page.click('#events [data-toggle]') // Its stream would count as active.
    await noStreamLeft()
    await page.check('#rows [value="1000"]', { force: true })
    const changes = await record('#rows [data-value="items"]')
    await start('rows')
    await until('1,000 rows', async () => (await numberOf('rows', 'items')) >= 1_000, 20_000)
    expect(activeStreams()).toBe(1)

    await start('rows')
    const stopped = performance.now()
    await noStreamLeft()
    expect(performance.now() - stopped).toBeLessThan(1_000)
    await stateOf('rows', 'stopped')
    const rows = await numberOf('rows', 'items')
    expect(rows).toBeLessThan(42_049)
    expect(Number(await page.locator('#rows [data-progress]').getAttribute('value'))).toBeLessThan(42_049)

    const seen = (await changes()).map(({ ms, text }) => ({ ms, rows: Number(text.replaceAll(',', '')) }))
    expect(seen.length).toBeGreaterThan(10)
    expect(seen.at(-1)!.ms - seen[0]!.ms).toBeGreaterThan(500)
    expect(seen.filter(({ rows }, i) => i > 0 && rows < seen[i - 1]!.rows)).toEqual([])

    await page.locator('#rows [data-verdict] >> text=client-abort').waitFor()
    await page.locator('[data-testid="active-streams"] >> text=/^0$/').waitFor()
    await page.locator('[data-ended] tr >> nth=0 >> text=/rows.jsonl/').waitFor()
  })

  test('the chart goes on, stops when paused, and comes back without a gap', async () => {
    const lastId = () => numberOf('events', 'lastId')
    const picture = () => page.evaluate<string>(`document.querySelector('#events [data-canvas]').toDataURL()`)
    const [id, before] = [await lastId(), await picture()]
    await until('three more events', async () => (await lastId()) >= id + 3)
    expect(await picture()).not.toBe(before)

    await page.click('#events [data-toggle]')
    await noStreamLeft()
    const [pausedAt, paused] = [await lastId(), await picture()]
    await page.waitForTimeout(700)
    expect(await lastId()).toBe(pausedAt)
    expect(await picture()).toBe(paused)

    await page.click('#events [data-toggle]')
    await until('events after the pause', async () => (await lastId()) > pausedAt + 3)
    expect(await numberOf('events', 'missed')).toBe(0)
  })

  test('a dropped connection comes back by itself, and nothing is missed', async () => {
    const id = await numberOf('events', 'lastId')
    await page.click('#events [data-drop]')
    await stateOf('events', 'waiting')
    await stateOf('events', 'running')
    await until('later events', async () => (await numberOf('events', 'lastId')) > id + 15)
    expect(await numberOf('events', 'reconnects')).toBe(1)
    expect(await numberOf('events', 'missed')).toBe(0)
  })

  test('one million lines arrive while the page stays alive', async () => {
    await start('million')
    await stateOf('million', 'done')
    expect(await value('million', 'items')).toBe('1,000,000')
    expect(await numberOf('million', 'byteRate')).toBeGreaterThan(1)
    const longestFrame = await value('million', 'longestFrame')
    expect(longestFrame).toMatch(/ ms$/) // And not seconds.
  })

  test('a stream without end is read slowly, and ends with Stop', async () => {
    await page.check('#million [value="endless"]', { force: true })
    await start('million')
    await until('a hundred thousand lines', async () => (await numberOf('million', 'items')) > 100_000, 20_000)
    await start('million')
    await stateOf('million', 'stopped')
    await page.locator('#million [data-verdict] >> text=client-abort').waitFor()
  })

  test('records of the export and parts of the report appear as they come', async () => {
    const changes = await record('#export [data-output]')
    await start('export')
    await start('report')
    await stateOf('report', 'done')
    await stateOf('export', 'done')
    expect(await value('export', 'items')).toBe('1,707')
    const seen = await changes()
    expect(seen.length).toBeGreaterThan(20)
    expect(seen.at(-1)!.ms - seen[0]!.ms).toBeGreaterThan(1_500)
    expect(await page.locator('#report [data-output]').innerText()).toContain('Days to remember')
    expect(await numberOf('report', 'arrivals')).toBeGreaterThan(10)
  })

  test('the clock shows five arrivals half a second apart, and answers between them', async () => {
    await start('slow')
    await stateOf('slow', 'done')
    expect(await value('slow', 'items')).toBe('5 of 5')
    const places = await page.evaluate<number[]>(
      `[...document.querySelectorAll('#slow [data-lane=items] b')].map((mark) => parseFloat(mark.style.left))`,
    )
    expect(places).toHaveLength(5)
    // The lane is 2.2 s wide, so half a second is 22.7 % of it. A page that is busy may see one arrival late.
    for (const [i, place] of places.slice(1).entries()) expect(place - places[i]!).toBeGreaterThan(7)
    expect(places[4]! - places[0]!).toBeGreaterThan(70)
    expect(await page.locator('#slow [data-lane="health"] i').count()).toBeGreaterThan(8)
  })

  test('everything runs at once, in light, dark and narrow', async () => {
    mkdirSync(SCREENSHOTS, { recursive: true })
    await page.click('#run-all')
    await until('most of the rows', async () => (await numberOf('rows', 'items')) > 30_000, 30_000)
    await page.screenshot({ path: `${SCREENSHOTS}light.png`, fullPage: true })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: `${SCREENSHOTS}dark.png`, fullPage: true })
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.screenshot({ path: `${SCREENSHOTS}narrow.png`, fullPage: true })
    await page.setViewportSize({ width: 1360, height: 1000 })
    for (const id of ['answer', 'rows', 'million', 'export', 'report', 'slow']) await stateOf(id, 'done')
  })

  test('Stop everything leaves the server without a stream', async () => {
    await page.click('#run-all')
    await until('some streams', () => activeStreams() > 2)
    await page.click('#stop-all')
    await noStreamLeft()
  })
})
