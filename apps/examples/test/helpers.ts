import type { Page } from 'playwright-core'

export { findChromium, launchChromium } from '@catzilla/testkit/chromium'

/** Waits until `condition` gives something, but not longer than `boundMs`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  boundMs = 5_000,
): Promise<NonNullable<T>> {
  for (const end = performance.now() + boundMs; ; await pause(10)) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false) return value
    if (performance.now() > end) throw new Error(`${what}: not within ${boundMs} ms`)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export interface Arrival {
  /** Milliseconds since the request was sent. */
  readonly ms: number
  readonly text: string
}

/** Reads a stream with the time at which each piece came. `stopWhen` leaves in the middle, as a client does that goes away. */
export async function readArrivals(
  url: string,
  { headers = {}, stopWhen }: { headers?: Record<string, string>; stopWhen?: (text: string) => boolean } = {},
): Promise<{ response: Response; arrivals: Arrival[]; text: string }> {
  const leaving = new AbortController()
  const sent = performance.now()
  const response = await fetch(url, { headers, signal: leaving.signal })
  const decoder = new TextDecoder()
  const arrivals: Arrival[] = []
  let text = ''
  for await (const bytes of response.body as ReadableStream<Uint8Array>) {
    const piece = decoder.decode(bytes, { stream: true })
    arrivals.push({ ms: performance.now() - sent, text: piece })
    text += piece
    if (stopWhen?.(text) === true) break // Cancels the body, which closes the connection.
  }
  return { response, arrivals, text }
}

/** Records of RFC 4180, as text. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = []
  let record: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    if (end === '' && record.length === 0 && plain === '' && quoted === undefined) break
    record.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    records.push(record)
    record = []
  }
  return records
}

/** What the page complains of in its console, and what nobody has caught there: it goes on growing. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return complaints
}
