import type { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type Anthropic from '@anthropic-ai/sdk'
import type { App, Logger, Outcome, ServerRequest } from 'catzilla'
import type OpenAI from 'openai'

export interface LlmOptions {
  /** Without it, the system chooses one. */
  port?: number
  /** Milliseconds between two tokens. */
  paceMs?: number
  logger?: Logger
}

/** An answer while it is being given. */
export interface Answer {
  readonly id: string
  /** Fires when there is nobody left to write for. */
  readonly signal: AbortSignal
  /** The reader pressed Stop. */
  stopped: boolean
  /** What an SDK has told of, instead of throwing it. */
  failure: unknown
}

export interface AnswerList {
  running: { id: string; path: string }[]
  /** The newest first. */
  ended: { id: string | null; path: string; end: string; outcome: string; ms: number }[]
}

export interface Asked {
  readonly path: string
  readonly prompt: string
  /** `left` when the connection closed before the answer was whole. */
  readonly state: 'answering' | 'answered' | 'left'
  readonly tokens: number
}

export interface Context {
  /** Where the stand-in is. */
  readonly upstream: string
  readonly clients: {
    openai: OpenAI
    anthropic: Anthropic
    provider: ReturnType<typeof createOpenAICompatible>
  }
  readonly answers: Answers
}

/** What `keepAnswers()` gives. */
export interface Answers {
  give(req: ServerRequest, respond: (answer: Answer) => unknown, id?: string): Promise<unknown>
  note(req: ServerRequest, began: number, outcome: Outcome, answer?: Partial<Answer>): void
  stop(id: string): void
  list(): AnswerList
}

/** A file of `routes/`, which adds what it serves. */
export type Route = (app: App, context: Context) => void | Promise<void>

export function startLlm(options?: LlmOptions): Promise<{
  app: App
  url: string
  upstream: { url: string; asked: Asked[] }
  close(graceMs?: number): Promise<void>
}>
