import type { SseItem } from '../encode.ts'

/** How a run, or the stream of one, ended. */
export interface WireEnd {
  /** `stopped`: somebody asked for it; that is not a client that left. */
  readonly outcome: 'completed' | 'stopped' | 'failed'
  /** What it failed with. It stays on the server, as long as a wire does not make text of it. */
  readonly error: unknown
}

/** A format of answers that are streamed as events: what a producer gives in, events out. */
export interface Wire<Part> {
  /** Fields that clients of the format look for. */
  readonly headers?: Readonly<Record<string, string>>
  /** Begins one answer. */
  open(id: string): WireWriter<Part>
}

export interface WireWriter<Part> {
  start(): readonly SseItem[]
  part(part: Part): readonly SseItem[]
  end(end: WireEnd): readonly SseItem[]
}

/** Events as they are, and one `end` with the outcome behind them, so that a client knows that nothing will follow. */
export function plainWire(): Wire<SseItem> {
  return {
    open: () => ({
      start: () => [],
      part: (item) => [item],
      end: ({ outcome }) => [{ event: 'end', data: { outcome } }],
    }),
  }
}

/** Text of the answer, another delta (tool calls, a refusal), why it ends, or what it took. */
export type ChatPart =
  | string
  | { readonly delta: Readonly<Record<string, unknown>> }
  | { readonly finishReason: string }
  | { readonly usage: Readonly<Record<string, unknown>> }

export interface ChatWireOptions {
  readonly model: string
  /**
   * What clients are told of a failure.
   * @defaultValue 'The server had an error'
   */
  readonly errorText?: (error: unknown) => string
}

/**
 * Chunks of OpenAI's chat completions, with `[DONE]` at the end.
 *
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */
export function chatWire({ model, errorText = hideError }: ChatWireOptions): Wire<ChatPart> {
  return {
    open(id) {
      const created = Math.floor(Date.now() / 1000)
      const chunk = (more: object) => [{ data: { id, object: 'chat.completion.chunk', created, model, ...more } }]
      const choice = (delta: object, finishReason: string | null = null) =>
        chunk({ choices: [{ index: 0, delta, finish_reason: finishReason }] })
      let finished = false
      return {
        start: () => choice({ role: 'assistant', content: '' }),
        part(part) {
          if (typeof part === 'string') return choice({ content: part })
          if ('delta' in part) return choice(part.delta)
          if ('usage' in part) return chunk({ choices: [], usage: part.usage })
          finished = true
          return choice({}, part.finishReason)
        },
        end({ outcome, error }) {
          if (outcome === 'failed') {
            return [
              { data: { error: { message: errorText(error), type: 'server_error', param: null, code: null } } },
              DONE,
            ]
          }
          return finished ? [DONE] : [...choice({}, 'stop'), DONE]
        },
      }
    },
  }
}

/** Text of the answer, or a chunk of the protocol, such as a tool's output. */
export type UiPart = string | { readonly type: string; readonly [field: string]: unknown }

export interface UiMessageWireOptions {
  /**
   * What clients are told of a failure.
   * @defaultValue 'The server had an error'
   */
  readonly errorText?: (error: unknown) => string
}

/**
 * The UI message stream of the AI SDK, version 1: for `useChat()` and `readUIMessageStream()`.
 *
 * @see https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 */
export function uiMessageWire({ errorText = hideError }: UiMessageWireOptions = {}): Wire<UiPart> {
  return {
    headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
    open(messageId) {
      let texts = 0
      let open = false
      const chunk = (data: object) => ({ data })
      const closeText = () => {
        if (!open) return []
        open = false
        return [chunk({ type: 'text-end', id: String(texts) })]
      }
      return {
        start: () => [chunk({ type: 'start', messageId })],
        part(part) {
          if (typeof part !== 'string') return [...closeText(), chunk(part)]
          const begin = open ? [] : [chunk({ type: 'text-start', id: String(++texts) })]
          open = true
          return [...begin, chunk({ type: 'text-delta', id: String(texts), delta: part })]
        },
        end({ outcome, error }) {
          const last =
            outcome === 'completed'
              ? { type: 'finish' }
              : outcome === 'stopped'
                ? { type: 'abort' }
                : { type: 'error', errorText: errorText(error) }
          return [...closeText(), chunk(last), DONE]
        },
      }
    },
  }
}

/** What an error says may be nothing for clients. */
function hideError(): string {
  return 'The server had an error'
}

const DONE = '[DONE]'
