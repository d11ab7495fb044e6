import { bodyOf, sendInMemory } from '@catzilla/testkit'
import {
  parseJsonEventStream,
  readUIMessageStream,
  uiMessageChunkSchema,
  type UIMessage,
  type UIMessageChunk,
} from 'ai'
import { createParser } from 'eventsource-parser'
import { describe, expect, test } from 'vitest'
import { chatWire, createRun, plainWire, sseWire, uiMessageWire, type ChatPart, type UiPart } from '../src/index.ts'

function dataOf(body: string): string[] {
  const data: string[] = []
  createParser({
    onEvent: (event) => data.push(event.data),
    onError: (error) => {
      throw error
    },
  }).feed(body)
  return data
}

/** What the AI SDK makes of a body: by its own reader, with its own schema. */
async function readByAiSdk(body: string): Promise<{ message: UIMessage; chunks: UIMessageChunk[] }> {
  const chunks: UIMessageChunk[] = []
  const stream = parseJsonEventStream({ stream: new Blob([body]).stream(), schema: uiMessageChunkSchema }).pipeThrough(
    new TransformStream({
      transform(result, controller) {
        if (!result.success) throw result.error
        chunks.push(result.value)
        controller.enqueue(result.value)
      },
    }),
  )
  let message: UIMessage | undefined
  for await (const state of readUIMessageStream({ stream })) message = state
  return { message: message!, chunks }
}

describe('the UI message stream of the AI SDK', () => {
  const parts: UiPart[] = [
    'Hel',
    'lo\n',
    { type: 'tool-input-available', toolCallId: 'c1', toolName: 'weather', input: { city: 'Basel' } },
    { type: 'tool-output-available', toolCallId: 'c1', output: { celsius: 7 } },
    'It is 7 °C.',
    { type: 'data-note', data: { a: 1 } },
  ]

  test('is read by its own reader: text, tools and data', async () => {
    const response = sseWire(() => parts, uiMessageWire())
    expect(response.fields).toContainEqual(['x-vercel-ai-ui-message-stream', 'v1'])
    const body = await bodyOf(response)
    expect(dataOf(body).at(-1)).toBe('[DONE]')
    const { message, chunks } = await readByAiSdk(body)
    expect(message.parts).toMatchObject([
      { type: 'text', text: 'Hello\n', state: 'done' },
      { type: 'tool-weather', state: 'output-available', input: { city: 'Basel' }, output: { celsius: 7 } },
      { type: 'text', text: 'It is 7 °C.', state: 'done' },
      { type: 'data-note', data: { a: 1 } },
    ])
    expect(chunks.map(({ type }) => type)).toEqual([
      'start',
      'text-start',
      'text-delta',
      'text-delta',
      'text-end',
      'tool-input-available',
      'tool-output-available',
      'text-start',
      'text-delta',
      'text-end',
      'data-note',
      'finish',
    ])
  })

  test('of a run has the same form, with ids that its reader does not mind', async () => {
    const run = createRun<UiPart>(() => parts, { wire: uiMessageWire(), heartbeatMs: null, retryMs: null })
    await run.whenEnded
    const viewer = sendInMemory(run.view())
    await viewer.end()
    expect(viewer.head!.fields).toContainEqual(['x-vercel-ai-ui-message-stream', 'v1'])
    const { message } = await readByAiSdk(viewer.sink.text)
    expect(message.id).toBe(run.id)
    expect(message.parts).toHaveLength(4)
  })

  test('says that it was stopped, and that it failed without what the error says', async () => {
    const stopped = createRun<UiPart>(
      async function* () {
        yield 'half'
        await new Promise(() => {})
      },
      { wire: uiMessageWire(), heartbeatMs: null, retryMs: null },
    )
    const viewer = sendInMemory(stopped.view())
    await stopped.stop()
    await viewer.end()
    expect(dataOf(viewer.sink.text).slice(-2)).toEqual(['{"type":"abort"}', '[DONE]'])

    const exchange = sendInMemory(
      sseWire(async function* (): AsyncGenerator<UiPart> {
        yield 'half'
        throw new Error('secret')
      }, uiMessageWire()),
    )
    expect(await exchange.end()).toMatchObject({ outcome: 'source-error', error: { message: 'secret' } })
    expect(exchange.sink.text).not.toContain('secret')
    expect(dataOf(exchange.sink.text).slice(-3)).toEqual([
      '{"type":"text-end","id":"1"}',
      '{"type":"error","errorText":"The server had an error"}',
      '[DONE]',
    ])
  })
})

describe('chunks of chat completions', () => {
  async function chunksOf(parts: ChatPart[]): Promise<unknown[]> {
    const data = dataOf(await bodyOf(sseWire(() => parts, chatWire({ model: 'm1' }))))
    expect(data.at(-1)).toBe('[DONE]')
    return data.slice(0, -1).map((text) => JSON.parse(text) as unknown)
  }

  test('have the fields of OpenAI, a role first and a reason last', async () => {
    const chunks = await chunksOf(['Hel', 'lo'])
    const common = {
      id: expect.stringMatching(/.+/),
      object: 'chat.completion.chunk',
      created: expect.any(Number),
      model: 'm1',
    }
    const choice = (delta: object, finish: string | null = null) => ({
      ...common,
      choices: [{ index: 0, delta, finish_reason: finish }],
    })
    expect(chunks).toEqual([
      choice({ role: 'assistant', content: '' }),
      choice({ content: 'Hel' }),
      choice({ content: 'lo' }),
      choice({}, 'stop'),
    ])
    expect(new Set(chunks.map((chunk) => (chunk as { id: string }).id)).size).toBe(1)
  })

  test('take deltas, a reason and usage', async () => {
    const call = { tool_calls: [{ index: 0, function: { name: 'f', arguments: '{}' } }] }
    const usage = { total_tokens: 3 }
    const chunks = await chunksOf([{ delta: call }, { finishReason: 'tool_calls' }, { usage }])
    expect(chunks.slice(1)).toMatchObject([
      { choices: [{ delta: call, finish_reason: null }] },
      { choices: [{ delta: {}, finish_reason: 'tool_calls' }] },
      { choices: [], usage },
    ])
    expect(chunks).toHaveLength(4)
  })

  test('a failure is an error object, in words that the application chooses', async () => {
    const failing = function* (): Generator<ChatPart> {
      throw new Error('secret')
    }
    const exchange = sendInMemory(sseWire(failing, chatWire({ model: 'm', errorText: () => 'try later' })))
    await exchange.end()
    const [, error, done] = dataOf(exchange.sink.text)
    expect(JSON.parse(error!)).toEqual({
      error: { message: 'try later', type: 'server_error', param: null, code: null },
    })
    expect(done).toBe('[DONE]')
  })
})

test('plain events go as they are, and the end is told', async () => {
  expect(dataOf(await bodyOf(sseWire(() => ['a', { data: { b: 1 } }], plainWire())))).toEqual([
    'a',
    '{"b":1}',
    '{"outcome":"completed"}',
  ])
})
