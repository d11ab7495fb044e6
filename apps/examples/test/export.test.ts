import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readJsonl } from 'catzilla'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startExport } from '../export/app.mjs'
import { complaintsOf, findChromium, launchChromium, parseCsv, readArrivals, until } from './helpers.ts'

const ROWS = 100_000
const silent = { info() {}, warn() {}, error() {} }

let example: Awaited<ReturnType<typeof startExport>>

beforeAll(async () => {
  example = await startExport({ rows: ROWS, logger: silent })
})
afterAll(async () => {
  await example?.close()
})
afterEach(async () => {
  await until('every cursor closed', () => example.database.open === 0)
})

describe('the export', () => {
  test('is every row of the database, as a named download', async () => {
    const response = await fetch(`${example.url}/orders.csv`)
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=orders.csv')
    expect(response.headers.get('x-total-rows')).toBe(String(ROWS))
    const [header, ...records] = parseCsv(await response.text())
    expect(header).toEqual(['No.', 'Customer', 'City', 'Day', 'Total', 'Paid'])
    expect(records).toHaveLength(ROWS)
    expect(records[0]).toEqual(['1', 'customer 1', 'Paris, 2e', '2024-01-02', '79.19', 'true'])
    expect(records.at(-1)).toEqual(['100000', 'customer 1000', 'Paris, 2e', '2024-04-10', '919', 'false'])
  })

  test('is a named file for curl -O', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'catzilla-curl-'))
    try {
      await promisify(execFile)('curl', ['-sO', `${example.url}/orders.csv`], { cwd: folder })
      const text = await readFile(join(folder, 'orders.csv'), 'utf8')
      expect(text.split('\r\n')).toHaveLength(ROWS + 2)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('is JSON as the client asks for it', async () => {
    let rows = 0
    for await (const row of readJsonl(await fetch(`${example.url}/orders`), { markers: true })) {
      if (rows++ === 0) expect(row).toMatchObject({ id: 1, city: 'Paris, 2e', paid: 1 })
    }
    expect(rows).toBe(ROWS)
    const response = await fetch(`${example.url}/orders`, { headers: { accept: 'application/json' } })
    const { orders, count, cursor } = (await response.json()) as { orders: unknown[]; count: number; cursor: number }
    expect([orders.length, count, cursor]).toEqual([ROWS, ROWS, ROWS])
  })

  test('begins long before it is through, and closes its cursor when the reader leaves', async () => {
    const { text } = await readArrivals(`${example.url}/orders.csv`, { stopWhen: (seen) => seen.length > 100 })
    expect(text.length).toBeLessThan(2_000_000)
  })
})

const required = Boolean(process.env['CI'])

describe.skipIf(findChromium() === undefined && !required)('the page in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
  })
  beforeEach(async () => {
    page = await browser.newPage()
    complaints = complaintsOf(page)
    await page.goto(example.url)
  })
  afterEach(async () => {
    await page.close()
    expect(complaints).toEqual([])
  })

  const stateOf = (state: string) => page.locator(`#export[data-state="${state}"]`).waitFor({ timeout: 30_000 })
  const progress = () =>
    page.locator('progress').evaluate((bar: { value: number; max: number }) => [bar.value, bar.max])

  test('the bar goes to its end with the rows', async () => {
    await page.click('[data-start]')
    await stateOf('done')
    expect(await progress()).toEqual([ROWS, ROWS])
    expect(await page.locator('[data-status]').innerText()).toMatch(/^100,000 rows in [\d.]+ s$/)
    expect(await page.locator('[data-last]').innerText()).toContain('100000,customer 1000,"Paris, 2e"')
  })

  test('Cancel ends it, and closes the cursor', async () => {
    await page.click('[data-start]')
    await page.click('[data-cancel]')
    await stateOf('cancelled')
    await until('the cursor closed', () => example.database.open === 0)
    expect((await progress())[0]).toBeLessThan(ROWS)
  })

  test('Download gives a named file', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-download]')])
    expect(download.suggestedFilename()).toBe('orders.csv')
    const text = await readFile(await download.path(), 'utf8')
    expect(text.split('\r\n')).toHaveLength(ROWS + 2)
  })
})
