import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { DefaultChatTransport, readUIMessageStream, streamText, type UIMessage } from 'ai'
import { Stream } from 'openai/streaming'
import type { ChatCompletionChunk } from 'openai/resources/chat/completions'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startLlm } from '../llm/app.mjs'
import type { AnswerList } from '../llm/app.mjs'
import { readArrivals, until } from './helpers.ts'

let llm: Awaited<ReturnType<typeof startLlm>>
const faults: string[] = []

beforeAll(async () => {
  const keep = (message: string) => faults.push(message)
  llm = await startLlm({ paceMs: 8, logger: { info() {}, warn: keep, error: keep } })
})
afterAll(() => llm.close())
beforeEach(() => (faults.length = 0))

const TEXT_ROUTES = ['/openai', '/anthropic', '/ai']
const EVENT_ROUTES = ['/openai/events', '/relay']
/** What the stand-in ends with: beyond it, nothing is missing. */
const LAST_WORDS = 'no tokens are made for a reader who has left.'
/** Characters of two, three and four bytes. */
const PROMPT = 'Größe? 言葉は一つずつ 🐈 👩‍💻'
const SCRIPTS = [
  `“${PROMPT}”`,
  'Wörter kommen einzeln an.',
  'Từng từ một đến nơi.',
  'Слова приходят по одному.',
  '♔ takes ♞',
]

const lastAsked = () => llm.upstream.asked.at(-1)!
const answers = async () => (await (await fetch(`${llm.url}/answers`)).json()) as AnswerList
const urlOf = (route: string, query: Record<string, string>) =>
  `${llm.url}${route}?${new URLSearchParams(query).toString()}`
const endOf = (id: string) =>
  until(`the end of ${id}`, async () => (await answers()).ended.find((end) => end.id === id))
const stop = (id: string) => fetch(`${llm.url}/answers/${id}`, { method: 'DELETE' })
let count = 0
const newId = () => `test-${++count}`

/** The text of an event stream in the form of OpenAI, as OpenAI's own reader takes it. */
async function readChunks(response: Response) {
  const chunks: ChatCompletionChunk[] = []
  const stream = Stream.fromSSEResponse<ChatCompletionChunk>(response, new AbortController())
  for await (const chunk of stream) chunks.push(chunk)
  return {
    text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''),
    finishReason: chunks.at(-1)?.choices[0]?.finish_reason,
  }
}

/** What `useChat` does with an answer: its own transport asks, and its own reader reads. */
async function chat(id: string, prompt: string, onText: (text: string) => void = () => {}) {
  const errors: unknown[] = []
  const parts: string[] = []
  const transport = new DefaultChatTransport<UIMessage>({ api: `${llm.url}/ai/ui` })
  const chunks = await transport.sendMessages({
    trigger: 'submit-message',
    chatId: id,
    messageId: undefined,
    messages: [{ id: 'message-1', role: 'user', parts: [{ type: 'text', text: prompt }] }],
    abortSignal: undefined,
  })
  const seen = chunks.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        parts.push(chunk.type)
        controller.enqueue(chunk)
      },
    }),
  )
  let text = ''
  for await (const message of readUIMessageStream({ stream: seen, onError: (error) => errors.push(error) })) {
    text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
    onText(text)
  }
  return { text, parts, errors }
}

describe('an answer', () => {
  test.each([...TEXT_ROUTES, ...EVENT_ROUTES])('%s arrives while the model still writes', async (route) => {
    let stateAtFirst: string | undefined
    const { arrivals } = await readArrivals(urlOf(route, { q: 'Why?' }), {
      stopWhen: () => {
        stateAtFirst ??= lastAsked().state
        return false
      },
    })
    expect(stateAtFirst).toBe('answering')
    expect(arrivals.length).toBeGreaterThan(40)
    expect(arrivals.at(-1)!.ms - arrivals[0]!.ms).toBeGreaterThan(500)
    expect(lastAsked()).toMatchObject({ prompt: 'Why?', state: 'answered' })
  })

  test('the stand-in cuts its bytes inside of characters', async () => {
    const response = await fetch(`${llm.upstream.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: PROMPT }] }),
    })
    let cut = 0
    for await (const bytes of response.body as ReadableStream<Uint8Array>) {
      if (new TextDecoder().decode(bytes).includes('\ufffd')) cut++
    }
    expect(cut).toBeGreaterThan(10)
  })

  test.each(TEXT_ROUTES)('%s is text, with every character whole', async (route) => {
    const response = await fetch(urlOf(route, { q: PROMPT }))
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    const text = await response.text()
    for (const script of SCRIPTS) expect(text).toContain(script)
    expect(text).not.toContain('\ufffd')
    expect(text).not.toContain('[stopped]')
    expect(text.trimEnd().endsWith(LAST_WORDS)).toBe(true)
  })

  test.each(EVENT_ROUTES)("%s is read by OpenAI's own reader", async (route) => {
    const response = await fetch(urlOf(route, { q: PROMPT }))
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const { text, finishReason } = await readChunks(response)
    for (const script of [...SCRIPTS, LAST_WORDS]) expect(text).toContain(script)
    expect(text).not.toContain('\ufffd')
    expect(finishReason).toBe('stop')
  })

  test('/openai/events and /relay say [DONE] last', async () => {
    for (const route of EVENT_ROUTES) {
      const text = await (await fetch(urlOf(route, { q: 'Why?' }))).text()
      expect(text.endsWith('\n\ndata: [DONE]\n\n')).toBe(true)
    }
  })

  test('/ai/ui is what useChat reads', async () => {
    const id = newId()
    let stateAtFirst: string | undefined
    const { text, parts, errors } = await chat(id, PROMPT, () => (stateAtFirst ??= lastAsked().state))
    expect(stateAtFirst).toBe('answering')
    for (const script of [...SCRIPTS, LAST_WORDS]) expect(text).toContain(script)
    expect(errors).toEqual([])
    expect(parts[0]).toBe('start')
    expect(parts.filter((type) => type === 'text-delta').length).toBeGreaterThan(40)
    expect(parts.slice(-3)).toEqual(['text-end', 'finish-step', 'finish'])
    expect(await endOf(id)).toMatchObject({ path: '/ai/ui', end: 'finished', outcome: 'completed' })
  })

  test('/ai/ui says which protocol it speaks', async () => {
    const messages = [{ id: 'message-1', role: 'user', parts: [{ type: 'text', text: 'Why?' }] }]
    const body = JSON.stringify({ id: newId(), messages })
    const response = await fetch(`${llm.url}/ai/ui`, { method: 'POST', body })
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect((await response.text()).endsWith('\n\ndata: [DONE]\n\n')).toBe(true)
  })

  test('is listed as finished', async () => {
    const finish = async (route: string) => {
      const id = newId()
      const response = await fetch(urlOf(route, { q: 'Why?', id }))
      await response.text()
      return { route, ...(await endOf(id)) }
    }
    const ends = await Promise.all([...TEXT_ROUTES, ...EVENT_ROUTES].map(finish))
    for (const end of ends) expect(end).toMatchObject({ path: end.route, end: 'finished', outcome: 'completed' })
    expect(faults).toEqual([])
  })
})

describe('a reader who leaves', () => {
  test.each([...TEXT_ROUTES, ...EVENT_ROUTES])('%s closes the line to the model within a second', async (route) => {
    const id = newId()
    await readArrivals(urlOf(route, { q: 'Why?', id }), { stopWhen: (text) => text.includes('token') })
    const left = performance.now()
    await until('the model to see it', () => lastAsked().state === 'left')
    expect(performance.now() - left).toBeLessThan(1_000)
    expect(lastAsked().tokens).toBeLessThan(40)
    expect(await endOf(id)).toMatchObject({ end: 'disconnected', outcome: 'client-abort' })
    expect((await answers()).running).toEqual([])
    expect(faults).toEqual([]) // Nobody did anything wrong.
  })

  test('before the first token, too', async () => {
    for (const route of TEXT_ROUTES) {
      const id = newId()
      const before = llm.upstream.asked.length
      const leaving = new AbortController()
      const reading = fetch(urlOf(route, { q: 'think', id }), { signal: leaving.signal })
      await until('the model to be asked', () => llm.upstream.asked.length > before)
      leaving.abort()
      await expect(reading).rejects.toThrow()
      await until('the model to see it', () => lastAsked().state === 'left', 1_000)
      expect(await endOf(id)).toMatchObject({ end: 'disconnected', outcome: 'client-abort' })
    }
  })

  test('HEAD leaves the model at once', async () => {
    for (const route of TEXT_ROUTES) {
      const id = newId()
      const response = await fetch(urlOf(route, { q: 'Why?', id }), { method: 'HEAD' })
      expect(response.status).toBe(200)
      await endOf(id)
      await until('the model to be left', () => lastAsked().state === 'left', 1_000)
    }
  })
})

describe('Stop', () => {
  test.each(TEXT_ROUTES)('%s ends as it should, and says that it was stopped', async (route) => {
    const id = newId()
    let stopping: Promise<Response> | undefined
    const { text } = await readArrivals(urlOf(route, { q: 'Why?', id }), {
      stopWhen: (soFar) => {
        if (soFar.includes('token')) stopping ??= stop(id)
        return false
      },
    })
    expect((await stopping!).status).toBe(204)
    expect(text.endsWith('\n[stopped]\n')).toBe(true)
    expect(text).not.toContain(LAST_WORDS)
    await until('the model to be left', () => lastAsked().state === 'left', 1_000)
    expect(await endOf(id)).toMatchObject({ end: 'stopped', outcome: 'completed' })
    expect(faults).toEqual([])
  })

  test('/openai/events ends with a finish_reason and [DONE]', async () => {
    const id = newId()
    let stopping: Promise<Response> | undefined
    const { text } = await readArrivals(urlOf('/openai/events', { q: 'Why?', id }), {
      stopWhen: (soFar) => {
        if (soFar.includes('token')) stopping ??= stop(id)
        return false
      },
    })
    await stopping
    const read = await readChunks(new Response(text))
    expect(read.finishReason).toBe('stop')
    expect(read.text).not.toContain(LAST_WORDS)
    expect(text.endsWith('\n\ndata: [DONE]\n\n')).toBe(true)
    await until('the model to be left', () => lastAsked().state === 'left', 1_000)
    expect(await endOf(id)).toMatchObject({ end: 'stopped', outcome: 'completed' })
  })

  test('/ai/ui ends with the abort part of its protocol', async () => {
    const id = newId()
    let stopping: Promise<Response> | undefined
    const { text, parts, errors } = await chat(id, 'Why?', (soFar) => {
      if (soFar.includes('token')) stopping ??= stop(id)
    })
    await stopping
    expect(parts.at(-1)).toBe('abort')
    expect(text).not.toContain(LAST_WORDS)
    expect(errors).toEqual([])
    await until('the model to be left', () => lastAsked().state === 'left', 1_000)
    expect(await endOf(id)).toMatchObject({ end: 'stopped', outcome: 'completed' })
    expect(faults).toEqual([])
  })

  test('before the model has begun, there is nothing to say', async () => {
    const id = newId()
    const before = llm.upstream.asked.length
    const reading = fetch(urlOf('/openai', { q: 'think', id }))
    await until('the model to be asked', () => llm.upstream.asked.length > before)
    await stop(id)
    expect((await reading).status).toBe(204)
    await until('the model to be left', () => lastAsked().state === 'left', 1_000)
    expect(await endOf(id)).toMatchObject({ end: 'stopped', outcome: 'completed' })
  })

  test('an answer that is not being given cannot be stopped', async () => {
    expect((await stop('nothing')).status).toBe(404)
  })

  test('one id is for one answer at a time', async () => {
    const id = newId()
    const first = fetch(urlOf('/openai', { q: 'Why?', id }))
    await until('the first to run', async () => (await answers()).running.some((answer) => answer.id === id))
    expect((await fetch(urlOf('/ai', { q: 'Why?', id }))).status).toBe(409)
    await stop(id)
    expect(await (await first).text()).toContain('[stopped]')
  })
})

describe('a model that fails', () => {
  test.each([...TEXT_ROUTES, '/openai/events'])('%s answers 502 before the first token', async (route) => {
    const id = newId()
    const response = await fetch(urlOf(route, { q: 'fail', id }))
    expect(response.status).toBe(502)
    expect(await response.text()).toBe('The model did not answer\n')
    expect(await endOf(id)).toMatchObject({ end: 'failed', outcome: 'source-error' })
  })

  test("/relay passes the model's own status on", async () => {
    const response = await fetch(urlOf('/relay', { q: 'fail' }))
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ error: { message: 'The stand-in is overloaded' } })
  })

  test.each([...TEXT_ROUTES, '/openai/events'])('%s breaks off visibly after the first token', async (route) => {
    const id = newId()
    const response = await fetch(urlOf(route, { q: 'break', id }))
    expect(response.status).toBe(200)
    let text = ''
    const decoder = new TextDecoder()
    const reading = (async () => {
      for await (const bytes of response.body as ReadableStream<Uint8Array>) text += decoder.decode(bytes)
    })()
    await expect(reading).rejects.toThrow()
    expect(text).toContain('You')
    expect(text).not.toContain('[DONE]')
    expect(await endOf(id)).toMatchObject({ end: 'failed', outcome: 'source-error' })
  })

  test.each(['fail', 'break'])('/ai/ui tells of it in its own way: %s', async (prompt) => {
    const id = newId()
    const { errors, parts } = await chat(id, prompt)
    expect(errors).toHaveLength(1)
    expect(parts).toContain('error')
    expect(await endOf(id)).toMatchObject({ end: 'failed', outcome: 'completed' })
  })
})

describe('what the README says of the AI SDK', () => {
  const ask = (prompt: string) => {
    const provider = createOpenAICompatible({ name: 'stand-in', baseURL: `${llm.upstream.url}/v1`, apiKey: 'none' })
    return streamText({ model: provider('stand-in-1'), prompt, maxRetries: 0, onError() {} }).textStream
  }

  test('without a signal, the model writes on for a reader who has left', async () => {
    for await (const text of ask('Why?')) if (text.includes('token')) break
    await until('the whole answer', () => lastAsked().state !== 'answering')
    expect(lastAsked().state).toBe('answered')
  })

  test('its textStream holds no errors', async () => {
    const texts: string[] = []
    for await (const text of ask('fail')) texts.push(text)
    expect(texts).toEqual([])
  })
})
