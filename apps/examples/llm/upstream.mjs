// A stand-in for the servers of OpenAI and Anthropic: the same wire, on this machine, with an answer that is written ahead.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const MODEL = 'stand-in-1'
const THINKING_MS = 2_000

/** Several scripts on purpose: most of these characters are more than one byte. */
const ANSWER = `The model writes one token after another, and each is on its way to you before the next one exists.

Wörter kommen einzeln an. Từng từ một đến nơi. Слова приходят по одному. Οι λέξεις φτάνουν μία μία. Nobody collects them: α → ω, ½ ≈ 0.5, ♔ takes ♞.

Press Stop, and the stream ends as it should, with a last line that says so. Close the page instead, and the server closes its line to the model at once: no tokens are made for a reader who has left.`

/**
 * Answers `POST /v1/chat/completions` and `POST /v1/messages`. The prompt "think" gets its answer later, "fail" an error
 * instead of one, and "break" an error in the middle of one.
 *
 * @param {{ paceMs?: number }} [options] milliseconds between two tokens
 */
export async function startUpstream({ paceMs = 35 } = {}) {
  const asked = []
  const server = createServer(async (request, response) => {
    const wire = wires[request.url]
    if (request.method !== 'POST' || wire === undefined) return response.writeHead(404).end()

    const { messages, stream } = JSON.parse(await read(request))
    const prompt = textOf(messages.at(-1).content)
    const entry = { path: request.url, prompt, state: 'answering', tokens: 0 }
    asked.push(entry)
    response.on('close', () => (entry.state = response.writableFinished ? 'answered' : 'left'))
    if (prompt === 'think') await sleep(THINKING_MS)
    if (response.destroyed) return undefined
    if (prompt === 'fail' || stream !== true) return refuse(response, wire)

    response.socket.setNoDelay(true)
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
    const broken = prompt === 'break'
    for (const event of wire.head()) await write(response, event)
    for (const token of tokensOf(`You asked: “${prompt}”\n\n${ANSWER}`)) {
      await sleep(paceMs)
      if (response.destroyed) return undefined
      if (broken && entry.tokens === 10) return response.end(wire.error())
      await write(response, wire.token(token))
      entry.tokens++
    }
    for (const event of wire.tail()) await write(response, event)
    return response.end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What was asked, the newest last: `state` is `answering`, `answered`, or `left` when the connection closed before. */
    asked,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** What the two protocols send ahead of the tokens, for each of them, behind them, and where an answer fails. */
const wires = {
  '/v1/chat/completions': {
    head: () => [chunk({ role: 'assistant', content: '' })],
    token: (content) => chunk({ content }),
    tail: () => [chunk({}, 'stop'), 'data: [DONE]\n\n'],
    error: () => data({ error: { message: 'The stand-in broke off', type: 'server_error', param: null, code: null } }),
    refusal: { error: { message: 'The stand-in is overloaded', type: 'server_error', param: null, code: null } },
  },
  '/v1/messages': {
    head: () => [
      named('message_start', { message: { ...MESSAGE, usage: { input_tokens: 12, output_tokens: 1 } } }),
      named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      named('ping', {}),
    ],
    token: (text) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    tail: () => [
      named('content_block_stop', { index: 0 }),
      named('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 99 } }),
      named('message_stop', {}),
    ],
    error: () => named('error', { error: { type: 'overloaded_error', message: 'The stand-in broke off' } }),
    refusal: { type: 'error', error: { type: 'overloaded_error', message: 'The stand-in is overloaded' } },
  },
}

const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: MODEL,
  content: [],
  stop_reason: null,
  stop_sequence: null,
}

const data = (value) => `data: ${JSON.stringify(value)}\n\n`
const named = (type, fields) => `event: ${type}\n${data({ type, ...fields })}`

function chunk(delta, finishReason = null) {
  return data({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_795_305_600,
    model: MODEL,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
}

function refuse(response, { refusal }) {
  response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify(refusal))
}

/** At most six characters at a time, the space before a word belonging to it. */
function* tokensOf(text) {
  for (const [token] of text.matchAll(/\s*\S{1,6}/gu)) yield token
}

/**
 * Sends an event in two pieces, cut inside its last character of several bytes: networks cut where they like, and a reader that
 * decodes each piece for itself would show �.
 */
async function write(response, event) {
  const bytes = Buffer.from(event)
  const lead = bytes.findLastIndex((byte) => byte >= 0xc0)
  if (lead !== -1) {
    response.write(bytes.subarray(0, lead + 1))
    await sleep(2)
  }
  response.write(bytes.subarray(lead + 1))
}

async function read(request) {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text
}

/** Content is text, or parts of which some are text. */
function textOf(content) {
  if (typeof content === 'string') return content
  return content.map(({ text = '' }) => text).join('')
}
