// Reading a stream while it arrives, and measuring it.

/** What was received so far, and how fast. */
export class Meter {
  started = performance.now()
  ended
  firstMs
  bytes = 0
  items = 0
  arrivals = 0
  #window = []

  /** Counts one piece as it came from the network. */
  add(bytes, items) {
    const now = performance.now()
    this.firstMs ??= now - this.started
    this.bytes += bytes
    this.items += items
    this.arrivals++
    this.#window.push([now, this.bytes, this.items])
    while (now - this.#window[0][0] > 1000) this.#window.shift()
  }

  end() {
    this.ended = performance.now()
  }

  get elapsedMs() {
    return (this.ended ?? performance.now()) - this.started
  }

  /** Over the last second while it runs, over all of it behind the end. */
  get rate() {
    return this.#per(2, this.items)
  }

  get byteRate() {
    return this.#per(1, this.bytes)
  }

  #per(column, total) {
    if (this.#window.length === 0) return 0
    const first = this.#window[0]
    const last = this.#window.at(-1)
    const ms = last[0] - first[0]
    if (this.ended !== undefined || ms < 250) return (total * 1000) / Math.max(this.elapsedMs, 1)
    return ((last[column] - first[column]) * 1000) / ms
  }
}

/**
 * Calls `onBytes` with each piece as it arrives.
 *
 * @param {string} url
 * @param {{ signal: AbortSignal, onBytes: (bytes: Uint8Array) => unknown, onHead?: (response: Response) => void }} options
 * An `onBytes` that gives a promise holds the reading back until it resolves.
 */
export async function readBytes(url, { signal, onBytes, onHead }) {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  onHead?.(response)
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    await onBytes(value)
  }
}

/** Calls `onText` with each piece of text as it arrives; a character cut in two waits for its other half. */
export function readText(url, { signal, onText, onHead }) {
  const decoder = new TextDecoder()
  return readBytes(url, {
    signal,
    onHead,
    onBytes: (bytes) => onText(decoder.decode(bytes, { stream: true }), bytes.length),
  })
}

/** Calls `onLines` with the lines that each piece completes. */
export async function readLines(url, { signal, onLines, onHead }) {
  let rest = ''
  await readText(url, {
    signal,
    onHead,
    onText(text, bytes) {
      const lines = (rest + text).split(/\r?\n/)
      rest = lines.pop()
      return onLines(lines, bytes)
    },
  })
  if (rest !== '') await onLines([rest], 0)
}

const LINE_FEED = 10

export function countLines(bytes) {
  let lines = 0
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines++
  return lines
}

/** Runs `paint` once a frame until the signal fires, and once more then. */
export function everyFrame(paint, signal) {
  let request = requestAnimationFrame(function frame(now) {
    paint(now)
    request = requestAnimationFrame(frame)
  })
  signal.addEventListener('abort', () => {
    cancelAnimationFrame(request)
    paint(performance.now())
  })
}

export const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
