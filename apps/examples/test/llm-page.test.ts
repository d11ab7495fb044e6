import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startLlm, type AnswerList } from '../llm/app.mjs'
import { complaintsOf, findChromium, launchChromium, until } from './helpers.ts'

const executablePath = findChromium()
const required = Boolean(process.env['CI'])

const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url))
const LAST_WORDS = 'no tokens are made for a reader who has left.'

describe.skipIf(executablePath === undefined && !required)('the page in Chromium', { timeout: 60_000 }, () => {
  let llm: Awaited<ReturnType<typeof startLlm>>
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    llm = await startLlm({ paceMs: 20, logger: { info() {}, warn() {}, error() {} } })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await llm?.close()
  })

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    complaints = complaintsOf(page)
    await page.goto(llm.url)
  })
  afterEach(async () => {
    if (!page.isClosed()) await page.close()
    await until('no active stream', () => llm.app.stats().activeStreams === 0)
  })

  const answer = () => page.locator('[data-output]').innerText()
  const lastAsked = () => llm.upstream.asked.at(-1)
  const rows = () => page.locator('[data-ended] tr').allInnerTexts()

  async function ask(route: string, prompt = 'Why?') {
    await page.check(`[value="${route}"]`, { force: true })
    await page.fill('#prompt', prompt)
    await page.press('#prompt', 'Enter')
  }
  const stateOf = (state: string) => page.locator(`#ask[data-state="${state}"]`).waitFor({ timeout: 20_000 })

  async function lastEnd() {
    const { ended } = (await (await fetch(`${llm.url}/answers`)).json()) as AnswerList
    return ended[0]
  }

  test.each(['/openai', '/openai/events', '/anthropic', '/ai', '/ai/ui', '/relay'])(
    '%s is typed to its end',
    async (route) => {
      await ask(route)
      await until('some tokens, with the model still at it', async () => {
        return (await answer()).length > 40 && lastAsked()?.state === 'answering'
      })
      await stateOf('done')
      expect(await answer()).toContain('Từng từ một đến nơi.')
      expect(await answer()).toContain(LAST_WORDS)
      expect(Number(await page.locator('[data-value="arrivals"]').innerText())).toBeGreaterThan(40)
      await page.locator('[data-ended] tr >> nth=0 >> text=finished').waitFor()
      expect((await rows())[0]).toContain(route)
      expect(complaints).toEqual([])
    },
  )

  test.each(['/openai', '/openai/events', '/anthropic', '/ai', '/ai/ui'])(
    'Stop ends %s, and the list says so',
    async (route) => {
      await ask(route)
      await until('some tokens', async () => (await answer()).length > 40)
      await page.click('[data-stop]')
      await stateOf('stopped')
      expect(await answer()).not.toContain(LAST_WORDS)
      expect(lastAsked()?.state).toBe('left')
      await page.locator('[data-ended] tr >> nth=0 >> text=stopped').waitFor()
      expect(await lastEnd()).toMatchObject({ path: route, end: 'stopped', outcome: 'completed' })
      expect(complaints).toEqual([])
    },
  )

  test('a page that closes is no Stop: the list says disconnected', async () => {
    await ask('/anthropic')
    await until('some tokens', async () => (await answer()).length > 40)
    await page.close()
    await until('the model to be left', () => lastAsked()?.state === 'left', 1_000)
    expect(await until('the end', lastEnd)).toMatchObject({
      path: '/anthropic',
      end: 'disconnected',
      outcome: 'client-abort',
    })

    page = await browser.newPage()
    await page.goto(llm.url)
    await page.locator('[data-ended] tr >> nth=0 >> text=disconnected').waitFor()
  })

  test('a connection that is closed by the reader is listed the same way', async () => {
    await ask('/ai/ui')
    await until('some tokens', async () => (await answer()).length > 40)
    await page.click('[data-leave]')
    await page.locator('[data-ended] tr >> nth=0 >> text=client-abort').waitFor()
    expect(await page.locator('[data-state-text]').innerText()).toBe('connection closed')
    expect(lastAsked()?.state).toBe('left')
  })

  test('a model that fails, and one that breaks off, are told from an answer', async () => {
    await ask('/openai', 'fail')
    await stateOf('failed')
    expect(await page.locator('[data-state-text]').innerText()).toContain('502')
    await ask('/anthropic', 'break')
    await page.locator('[data-state-text] >> text=/^failed: (?!.*502)/').waitFor()
    expect(await answer()).toContain('You asked')
    await page.locator('[data-ended] tr >> nth=1 >> text=failed').waitFor()
  })

  test('it fits in light, dark and narrow, and its buttons have names', async () => {
    mkdirSync(SCREENSHOTS, { recursive: true })
    await ask('/openai')
    await until('much of the answer', async () => (await answer()).includes('Слова'))
    await page.screenshot({ path: `${SCREENSHOTS}llm-light.png`, fullPage: true })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: `${SCREENSHOTS}llm-dark.png`, fullPage: true })
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.screenshot({ path: `${SCREENSHOTS}llm-narrow.png`, fullPage: true })
    for (const name of ['Ask', 'Stop', 'Close the connection']) await page.getByRole('button', { name }).waitFor()
    expect(await page.getByRole('radio').count()).toBe(6)
    await page.getByRole('textbox', { name: 'Question' }).waitFor()
    await stateOf('done')
  })
})
