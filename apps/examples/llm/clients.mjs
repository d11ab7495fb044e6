import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

export const model = 'stand-in-1'

/**
 * The SDKs as one gets them from npm, asking the stand-in. For the real thing, leave `baseURL` out and give a key.
 *
 * @param {string} upstream
 */
export function createClients(upstream) {
  const apiKey = 'none'
  const maxRetries = 0 // The reader sits in front of it, and can press the button again.
  return {
    openai: new OpenAI({ baseURL: `${upstream}/v1`, apiKey, maxRetries }),
    anthropic: new Anthropic({ baseURL: upstream, apiKey, maxRetries }),
    provider: createOpenAICompatible({ name: 'stand-in', baseURL: `${upstream}/v1`, apiKey }),
  }
}
