import { showCode } from './code.js'
import { DotMap, GrowthChart, PriceChart, repaintAll, Spark } from './draw.js'
import * as format from './format.js'
import { countLines, everyFrame, Meter, readBytes, readLines, readText, sleep } from './stream.js'

const $ = (selector, root = document) => root.querySelector(selector)
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]

for (const figure of $$('.code')) void showCode(figure)

// One stream: a button that starts and stops it, its state, its figures.

const demos = []

/** A browser opens six connections to a server and no more: three for these, one for the events, two for short questions. */
const LINES = 3
const waiting = []
let taken = 0

async function takeLine(signal) {
  if (taken === LINES) await new Promise((resolve) => waiting.push(resolve))
  else taken++
  signal.throwIfAborted()
}

function returnLine() {
  const next = waiting.shift()
  if (next) next()
  else taken--
}

/**
 * @param {string} id of the article
 * @param {(run: Run) => Promise<unknown>} stream reads the stream to its end
 * @typedef {{ root: HTMLElement, signal: AbortSignal, meter: Meter, choice: string, url: (path: string, query?: object) => string,
 *   put: (name: string, text: string) => void, paint: (paint: (now: number) => void) => void }} Run
 */
function demo(id, stream) {
  const root = document.getElementById(id)
  const button = $('[data-start]', root)
  const label = button.textContent
  const verdict = $('[data-verdict]', root)
  const put = (name, text) => ($(`[data-value="${name}"]`, root).textContent = text)
  let stopping

  async function start() {
    const name = Math.random().toString(36).slice(2, 10)
    const painting = new AbortController()
    stopping = new AbortController()
    const meter = new Meter()
    setState(root, 'waiting', 'waiting for a connection')
    button.textContent = 'Stop'
    verdict.textContent = ''
    try {
      await takeLine(stopping.signal)
      setState(root, 'running', 'streaming')
      meter.started = performance.now()
      await stream({
        root,
        meter,
        put,
        signal: stopping.signal,
        choice: $('[data-choice] :checked', root)?.value,
        url: (path, query = {}) => `${path}?${new URLSearchParams({ ...query, run: name })}`,
        paint: (paint) => everyFrame(paint, painting.signal),
      })
      meter.end()
      setState(root, 'done', 'complete')
    } catch (error) {
      meter.end()
      if (stopping.signal.aborted) setState(root, 'stopped', 'stopped')
      else setState(root, 'failed', `broken off: ${error.message}`)
    } finally {
      returnLine()
      painting.abort()
      button.textContent = label
      stopping = undefined
    }
    tell(verdict, await endOf(name))
  }

  const control = { start: () => stopping ?? start(), stop: () => stopping?.abort() }
  button.addEventListener('click', () => (stopping ? control.stop() : control.start()))
  demos.push(control)
}

function setState(root, state, text) {
  root.classList.remove('running', 'done', 'stopped', 'failed', 'waiting')
  root.classList.add(state)
  root.dataset.state = state
  $('[data-state-text]', root).textContent = text
}

/** What the server says of a stream that has ended here: it may hear of it a moment later. */
async function endOf(name) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { ended } = await askServer()
    const end = ended.find(({ url }) => url.includes(`run=${name}`))
    if (end !== undefined) return end
    await sleep(50)
  }
  return undefined
}

function tell(verdict, end) {
  if (end === undefined) return
  const outcome = document.createElement('b')
  outcome.textContent = end.outcome
  const closed = end.outcome === 'completed' ? 'its source ran to the end' : 'its source was closed'
  verdict.replaceChildren(
    'The server: ',
    outcome,
    `, ${format.bytes(end.bytes)} sent, ${closed} after ${format.duration(end.ms)}.`,
  )
}

// Text, token by token

demo('answer', async ({ root, meter, signal, choice, url, put, paint }) => {
  const output = $('[data-output]', root)
  output.textContent = ''
  paint(() => {
    put('items', format.count(meter.items))
    put('first', format.duration(meter.firstMs))
    put('rate', meter.items > 0 ? format.rate(meter.rate) : '–')
    put('elapsed', format.duration(meter.elapsedMs))
  })
  await readText(url('/answer', { q: choice }), {
    signal,
    onText(text, bytes) {
      meter.add(bytes, 1)
      const token = document.createElement('span')
      token.textContent = text
      const atEnd = output.scrollTop + output.clientHeight > output.scrollHeight - 40
      output.append(token)
      if (atEnd) output.scrollTop = output.scrollHeight
    },
  })
})

// Rows on a map

const map = new DotMap($('#rows [data-canvas]'), { total: 42_049 })

demo('rows', async ({ root, meter, signal, choice, url, put, paint }) => {
  const latest = $('[data-latest]', root)
  const progress = $('[data-progress]', root)
  let line = '\u00a0'
  map.clear()
  paint(() => {
    map.paint()
    latest.textContent = line
    progress.value = meter.items
    put('items', format.count(meter.items))
    put('first', format.duration(meter.firstMs))
    put('rate', format.rate(meter.rate))
    put('byteRate', format.bytes(meter.byteRate))
  })
  await readLines(url('/rows.jsonl', choice && { rate: choice }), {
    signal,
    onHead: ({ headers }) => (progress.max = Number(headers.get('x-total-records'))),
    onLines(lines, bytes) {
      meter.add(bytes, lines.length)
      for (const row of lines.map((text) => JSON.parse(text))) map.add(row.latitude, row.longitude)
      line = lines.at(-1) ?? line
    },
  })
})

// One million lines, or any number of them

const SLOW_BYTES_PER_SECOND = 2e6
const growth = new GrowthChart($('#million [data-canvas]'), { x: format.duration, y: format.bytes })

demo('million', async ({ meter, signal, choice, url, put, paint }) => {
  const bytesPerSecond = choice === 'endless' ? SLOW_BYTES_PER_SECOND : Infinity
  const before = await askServer()
  let sent = 0
  let [lastFrame, longestFrame] = [undefined, 0]
  const stopListening = onStats(({ bytesWritten }) => {
    sent = Math.max(bytesWritten - before.bytesWritten, meter.bytes)
    growth.add(1, meter.elapsedMs, sent)
  })
  growth.clear()
  meter.started = performance.now()
  paint((now) => {
    if (lastFrame !== undefined && meter.ended === undefined) longestFrame = Math.max(longestFrame, now - lastFrame)
    lastFrame = now
    growth.paint()
    put('items', format.count(meter.items))
    put('first', format.duration(meter.firstMs))
    put('byteRate', `${(meter.byteRate / 1e6).toFixed(1)} MB/s`)
    put('ahead', format.bytes(Math.max(sent - meter.bytes, 0)))
    put('longestFrame', format.duration(longestFrame))
  })
  try {
    await readBytes(url(`/${choice}`), {
      signal,
      async onBytes(bytes) {
        meter.add(bytes.length, countLines(bytes))
        growth.add(0, meter.elapsedMs, meter.bytes)
        const early = (meter.bytes * 1000) / bytesPerSecond - meter.elapsedMs
        if (early > 4) await sleep(early, signal)
      },
    })
  } finally {
    stopListening()
  }
})

// CSV

const SHOWN_RECORDS = 200

demo('export', async ({ root, meter, signal, url, put, paint }) => {
  const output = $('[data-output]', root)
  const progress = $('[data-progress]', root)
  let fresh = []
  output.textContent = ''
  paint(() => {
    output.append(...fresh.map(recordLine))
    fresh = []
    // The first line, with the names of the columns, stays.
    while (output.childElementCount > SHOWN_RECORDS) output.children[1].remove()
    output.scrollTop = output.scrollHeight
    const records = Math.max(meter.items - 1, 0)
    progress.value = records
    put('items', format.count(records))
    put('first', format.duration(meter.firstMs))
    put('rate', format.rate(meter.rate))
    put('bytes', format.bytes(meter.bytes))
  })
  await readLines(url('/export.csv', { rate: 500 }), {
    signal,
    onHead: ({ headers }) => (progress.max = Number(headers.get('x-total-records'))),
    onLines(lines, bytes) {
      meter.add(bytes, lines.length)
      fresh.push(...lines)
    },
  })
})

/** A record with its quoted fields set off. */
function recordLine(text) {
  const item = document.createElement('li')
  for (const part of text.split(/("(?:[^"]|"")*")/)) {
    if (!part.startsWith('"')) {
      item.append(part)
      continue
    }
    const quoted = document.createElement('q')
    quoted.textContent = part
    item.append(quoted)
  }
  return item
}

// A report that is written like a file

demo('report', async ({ root, meter, signal, url, put, paint }) => {
  const output = $('[data-output]', root)
  output.textContent = ''
  paint(() => {
    put('items', format.count(meter.items))
    put('arrivals', format.count(meter.arrivals))
    put('first', format.duration(meter.firstMs))
    put('elapsed', format.duration(meter.elapsedMs))
  })
  await readText(url('/report'), {
    signal,
    onText(text, bytes) {
      meter.add(bytes, text.split('\n').length - 1)
      const part = document.createElement('span')
      part.textContent = text
      output.append(part)
      output.scrollTop = output.scrollHeight
    },
  })
})

// Five items on a clock, while other requests are answered

const SPAN_MS = 2200

demo('slow', async ({ root, meter, signal, url, put, paint }) => {
  const lanes = Object.fromEntries($$('[data-lane]', root).map((lane) => [lane.dataset.lane, lane]))
  for (const lane of Object.values(lanes)) lane.textContent = ''
  const at = (ms) => `${(100 * ms) / SPAN_MS}%`
  const arrivals = []
  const answers = []
  paint(() => {
    put('items', `${meter.items} of 5`)
    put('first', format.duration(meter.firstMs))
    const gaps = arrivals.slice(1).map((ms, i) => ms - arrivals[i])
    if (gaps.length > 0) put('gaps', `${Math.min(...gaps).toFixed(0)}–${Math.max(...gaps).toFixed(0)} ms`)
    if (answers.length > 0) put('health', format.duration(answers.toSorted((a, b) => a - b)[answers.length >> 1]))
  })

  const done = new AbortController()
  const stopListening = onAnswerTime('/health', (asked, ms) => {
    if (asked < meter.started) return
    answers.push(ms)
    const mark = document.createElement('i')
    mark.style.left = at(asked - meter.started)
    mark.style.height = `${Math.min(10 + ms * 4, 50)}px`
    mark.title = `answered in ${format.duration(ms)}`
    lanes.health.append(mark)
  })
  void (async () => {
    while (!done.signal.aborted) {
      const pause = sleep(100, done.signal)
      await (await fetch('/health')).json()
      await pause
    }
  })()

  try {
    await readLines(url('/slow'), {
      signal,
      onLines(lines, bytes) {
        meter.add(bytes, lines.length)
        const ms = meter.elapsedMs
        for (const _ of lines) {
          arrivals.push(ms)
          const mark = document.createElement('b')
          mark.style.left = at(ms)
          mark.textContent = format.duration(ms)
          lanes.items.append(mark)
        }
      },
    })
  } finally {
    done.abort()
    stopListening()
  }
})

$('#slow .axis').append(
  ...[0, 0.5, 1, 1.5, 2].map((seconds) => {
    const mark = document.createElement('span')
    mark.style.left = `${(100_000 * seconds) / SPAN_MS}%`
    mark.textContent = `${seconds} s`
    return mark
  }),
)

// Server-sent events: one connection that the browser keeps up

const TICK_MS = 200

function followMarket() {
  const root = document.getElementById('events')
  const toggle = $('[data-toggle]', root)
  const chart = new PriceChart($('[data-canvas]', root), { windowMs: 60_000, tickMs: TICK_MS })
  const put = (name, value) => ($(`[data-value="${name}"]`, root).textContent = format.count(value))
  const counts = { events: 0, reconnects: 0, missed: 0 }
  let lastId = 0
  let clockOffset = -Infinity
  let source

  function connect() {
    setState(root, 'waiting', 'connecting')
    source = new EventSource(`/events?after=${lastId}`)
    source.onopen = () => setState(root, 'running', 'connected')
    source.onerror = () => {
      counts.reconnects++
      put('reconnects', counts.reconnects)
      setState(root, 'waiting', 'connection lost, coming back')
    }
    source.onmessage = ({ data, lastEventId }) => {
      const tick = JSON.parse(data)
      const id = Number(lastEventId)
      counts.events++
      if (lastId > 0) counts.missed += id - lastId - 1
      lastId = id
      clockOffset = Math.max(clockOffset, tick.time - performance.now())
      chart.add(tick)
      for (const name in counts) put(name, counts[name])
      put('lastId', lastId)
      chart.canvas.dataset.lastId = lastId
      legend.show(tick.prices)
    }
    toggle.textContent = 'Pause'
  }

  function pause() {
    source.close()
    source = undefined
    toggle.textContent = 'Resume'
    setState(root, 'stopped', 'paused')
  }

  toggle.addEventListener('click', () => (source ? pause() : connect()))
  $('[data-drop]', root).addEventListener('click', () => fetch('/events/drop', { method: 'POST' }))
  demos.push({ start: () => source ?? connect(), stop: () => source && pause() })

  const legend = makeLegend($('[data-legend]', root))
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  // One tick behind the server's clock, so that the newest point is there before it is drawn.
  const frame = () => {
    if (source) chart.paint(still.matches ? undefined : performance.now() + clockOffset - TICK_MS)
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  connect()
}

function makeLegend(list) {
  const entries = new Map()
  let first
  return {
    show(prices) {
      first ??= prices
      for (const [symbol, price] of Object.entries(prices)) {
        if (!entries.has(symbol)) entries.set(symbol, this.add(symbol))
        const { value, change } = entries.get(symbol)
        const percent = (100 * price) / first[symbol] - 100
        value.textContent = price.toFixed(2)
        change.textContent = `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`
      }
    },
    add(symbol) {
      const [item, dot, name, value, change] = ['li', 'i', 'b', 'span', 'em'].map((tag) => document.createElement(tag))
      dot.style.background = `var(--series-${entries.size + 1})`
      name.textContent = symbol
      item.append(dot, name, value, change)
      list.append(item)
      return { value, change }
    },
  }
}

// What the server says of itself

const sparks = Object.fromEntries($$('[data-spark]').map((canvas) => [canvas.dataset.spark, new Spark(canvas)]))
const listeners = new Set()
const SLOWLY_MS = 1000
const OFTEN_MS = 250

async function askServer() {
  const stats = await (await fetch('/stats')).json()
  showStats(stats)
  for (const listener of listeners) listener(stats)
  return stats
}

/** Calls `listener` with each answer, until the function that it gives is called. */
function onStats(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function showStats(stats) {
  for (const element of $$('[data-stat="activeStreams"]')) element.textContent = stats.activeStreams
  $('#bar-active').dataset.active = stats.activeStreams
  const put = (name, text) => ($(`[data-stat="${name}"]`).textContent = text)
  put('memory', format.mebibytes(stats.memoryBytes))
  put('sent', format.bytes(stats.bytesWritten))
  put('answerTime', format.duration(answerTime))
  put('transport', stats.transport === 'native' ? 'native' : 'node:http')
  put('transportNote', stats.transport === 'native' ? 'the C++ engine' : 'the fall-back in JavaScript')
  showEnded(stats.ended)
}

let answerTime
onAnswerTime('/stats', (_, ms) => (answerTime = ms))

/**
 * Calls `listener` with the time at which each request for `path` left and the time until its answer began, as the network
 * part of the browser has measured them: the page itself may be busy drawing.
 */
function onAnswerTime(path, listener) {
  const observer = new PerformanceObserver((list) => {
    for (const { name, requestStart, responseStart } of list.getEntries()) {
      if (new URL(name).pathname === path) listener(requestStart, responseStart - requestStart)
    }
  })
  observer.observe({ type: 'resource' })
  return () => observer.disconnect()
}

let newest = 0

function showEnded(ended) {
  if ((ended[0]?.number ?? 0) === newest) return
  newest = ended[0].number
  $('[data-ended]').replaceChildren(
    ...ended.map((end) => {
      const row = document.createElement('tr')
      const badge = document.createElement('span')
      badge.className = 'badge'
      badge.dataset.outcome = end.outcome
      badge.textContent = end.outcome
      const path = end.url.replace(/[?&]run=\w+/, '')
      const cells = [
        end.number,
        path,
        badge,
        format.bytes(end.bytes),
        format.duration(end.firstByteMs),
        format.duration(end.ms),
      ]
      row.append(
        ...cells.map((content) => {
          const cell = document.createElement('td')
          cell.append(content)
          return cell
        }),
      )
      return row
    }),
  )
}

async function watchServer() {
  let sentBefore
  for (;;) {
    try {
      const stats = await askServer()
      sparks.activeStreams.add(stats.activeStreams)
      sparks.memory.add(stats.memoryBytes)
      sparks.sent.add(stats.bytesWritten - (sentBefore ?? stats.bytesWritten))
      if (answerTime !== undefined) sparks.answerTime.add(answerTime)
      sentBefore = stats.bytesWritten
    } catch {
      // The server is being restarted: the next round will tell.
    }
    await sleep($('.running [data-start]') ? OFTEN_MS : SLOWLY_MS)
  }
}

// All at once, and colours

$('#run-all').addEventListener('click', () => demos.forEach(({ start }) => start()))
$('#stop-all').addEventListener('click', () => demos.forEach(({ stop }) => stop()))

const THEMES = ['system', 'light', 'dark']
const themeButton = $('#theme')

function setTheme(theme) {
  document.documentElement.dataset.theme = theme
  themeButton.setAttribute('aria-label', `Colours: ${theme === 'system' ? 'as the system' : theme}`)
  themeButton.title = themeButton.getAttribute('aria-label')
  localStorage.setItem('theme', theme)
  repaintAll()
}
themeButton.addEventListener('click', () => {
  const now = THEMES.indexOf(document.documentElement.dataset.theme)
  setTheme(THEMES[(now + 1) % THEMES.length])
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaintAll)
setTheme(localStorage.getItem('theme') ?? 'system')

followMarket()
void watchServer()
