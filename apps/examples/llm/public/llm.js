import { duration } from './format.js'

const $ = (selector) => document.querySelector(selector)
const root = $('#ask')
const output = $('[data-output]')
const put = (name, text) => ($(`[data-value="${name}"]`).textContent = text)

/** These come as events, and the others as plain text. */
const EVENTS = new Set(['/openai/events', '/ai/ui', '/relay'])
/** Asked by POST, as `useChat` does. */
const POSTED = '/ai/ui'
/** Nothing in between that could end it. */
const RELAYED = '/relay'

/** The answer that is arriving. */
let current

$('[data-form]').addEventListener('submit', (event) => {
  event.preventDefault()
  if (current === undefined) void ask($('#prompt').value, chosen())
})
$('[data-stop]').addEventListener('click', () => current.stop())
$('[data-leave]').addEventListener('click', () => current.leave())
$('[data-choice]').addEventListener('change', () => {
  $('[data-path]').textContent = chosen()
  $('[data-method]').textContent = chosen() === POSTED ? 'POST' : 'GET'
})

function chosen() {
  return $('[data-choice] :checked').value
}

async function ask(prompt, route) {
  const id = Math.random().toString(36).slice(2, 10)
  const leaving = new AbortController()
  const began = performance.now()
  let ending
  let arrivals = 0
  let characters = 0

  const leave = () => {
    ending = 'connection closed'
    leaving.abort()
  }
  const stop = () => {
    if (route === RELAYED) return leave()
    ending = 'stopped'
    return fetch(`/answers/${id}`, { method: 'DELETE' })
  }
  current = { stop, leave }
  output.textContent = ''
  put('first', '–')
  show('running', 'waiting for the first token')
  const clock = setInterval(() => put('elapsed', duration(performance.now() - began)), 100)

  try {
    const response = await send(prompt, route, id, leaving.signal)
    for await (const text of EVENTS.has(route) ? eventTexts(response) : texts(response)) {
      if (text === '') continue
      if (arrivals++ === 0) {
        put('first', duration(performance.now() - began))
        show('running', 'answering')
      }
      characters += [...text].length
      put('arrivals', arrivals)
      put('characters', characters)
      write(text)
    }
    show(ending === undefined ? 'done' : 'stopped', ending ?? 'complete')
  } catch (error) {
    if (leaving.signal.aborted) show('stopped', ending)
    else show('failed', `failed: ${error.message}`)
  } finally {
    clearInterval(clock)
    put('elapsed', duration(performance.now() - began))
    current = undefined
    buttons()
    void showAnswers()
  }
}

async function send(prompt, route, id, signal) {
  const response =
    route === POSTED
      ? await fetch(route, {
          method: 'POST',
          body: JSON.stringify({ id, messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: prompt }] }] }),
          signal,
        })
      : await fetch(`${route}?${new URLSearchParams({ q: prompt, id })}`, { signal })
  if (!response.ok) throw new Error(`the server answered ${response.status}`)
  return response
}

/** Text as it arrives; a character cut in two waits for its other half. */
async function* texts({ body }) {
  if (body === null) return
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

/** The text in the events of OpenAI, and in those of the AI SDK. */
async function* eventTexts(response) {
  let rest = ''
  for await (const text of texts(response)) {
    const events = (rest + text).split('\n\n')
    rest = events.pop()
    for (const event of events) {
      const [, data] = /^data: (.*)$/m.exec(event) ?? []
      if (data === undefined || data === '[DONE]') continue
      const part = JSON.parse(data)
      if (part.type === 'error') throw new Error(part.errorText)
      yield part.choices?.[0]?.delta.content ?? (part.type === 'text-delta' ? part.delta : '')
    }
  }
}

function write(text) {
  const token = document.createElement('span')
  token.textContent = text
  const atEnd = output.scrollTop + output.clientHeight > output.scrollHeight - 40
  output.append(token)
  if (atEnd) output.scrollTop = output.scrollHeight
}

function show(state, text) {
  root.classList.remove('running', 'done', 'stopped', 'failed')
  root.classList.add(state)
  root.dataset.state = state
  output.ariaBusy = String(state === 'running')
  $('[data-state-text]').textContent = text
  buttons()
}

function buttons() {
  $('[data-ask]').disabled = current !== undefined
  $('[data-stop]').disabled = current === undefined
  $('[data-leave]').disabled = current === undefined
}

// How answers ended

const REFRESH_MS = 1000

async function showAnswers() {
  const { running, ended } = await (await fetch('/answers')).json()
  $('#running').dataset.active = running.length
  $('#running b').textContent = running.length
  if (ended.length > 0) $('[data-ended]').replaceChildren(...ended.map(row))
}

function row({ path, end, outcome, ms }) {
  const line = document.createElement('tr')
  const badge = document.createElement('span')
  badge.className = 'badge'
  badge.dataset.end = end
  badge.textContent = end
  for (const content of [path, badge, outcome, duration(ms)]) {
    const cell = document.createElement('td')
    cell.append(content)
    line.append(cell)
  }
  return line
}

async function keepShowing() {
  try {
    if (!document.hidden) await showAnswers()
  } catch {
    // The server is away; it may come back.
  }
  setTimeout(keepShowing, REFRESH_MS)
}
void keepShowing()
