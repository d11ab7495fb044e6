import { APIError as AnthropicError } from '@anthropic-ai/sdk'
import { APICallError as AiError } from 'ai'
import { catzilla, reply } from 'catzilla'
import { APIError as OpenAiError } from 'openai'
import { keepAnswers } from './answers.mjs'
import { createClients } from './clients.mjs'
import ai from './routes/ai.mjs'
import anthropic from './routes/anthropic.mjs'
import answers from './routes/answers.mjs'
import openai from './routes/openai.mjs'
import page from './routes/page.mjs'
import relay from './routes/relay.mjs'
import { startUpstream } from './upstream.mjs'

const routes = [page, openai, anthropic, ai, relay, answers]

/**
 * Starts the app, and the stand-in that it asks, for this machine only.
 *
 * @param {import('./app.mjs').LlmOptions} [options]
 */
export async function startLlm({ port = 0, paceMs, logger } = {}) {
  const upstream = await startUpstream({ paceMs })
  const app = catzilla(logger && { logger })
  const context = { upstream: upstream.url, clients: createClients(upstream.url), answers: keepAnswers() }
  for (const route of routes) await route(app, context)
  app.onError((error) => (isFromModel(error) ? reply('The model did not answer\n', { status: 502 }) : undefined))

  const { url } = await app.listen({ port, host: '127.0.0.1' })
  return {
    app,
    url,
    upstream,
    async close(graceMs = 0) {
      await app.close({ graceMs })
      await upstream.close()
    },
  }
}

/** Their status is what the model's server said to us, and not what is to be said to the reader: a wrong key of ours is no 401. */
function isFromModel(error) {
  return error instanceof OpenAiError || error instanceof AnthropicError || AiError.isInstance(error)
}
