// PORT chooses the port; without it, the system does.
import { startLlm } from './app.mjs'

const { url, close } = await startLlm({ port: Number(process.env.PORT ?? 0) })
console.log(`
  catzilla, LLM       ${url}

  /                   the page: ask, watch, stop
  /openai?q=…         text, from the OpenAI SDK; /openai/events: the same as its events
  /anthropic?q=…      text, from the Anthropic SDK
  /ai?q=…             text, from the AI SDK; POST /ai/ui: what useChat reads
  /relay?q=…          the model's own bytes, passed on
  /answers            what is being answered, and how the last answers ended

  curl -N '${url}/openai?q=Hello&id=1'
  curl -X DELETE ${url}/answers/1
  curl ${url}/answers
`)

process.once('SIGINT', stop)
process.once('SIGTERM', stop)

/** A second signal ends the process at once, as nobody listens to it any more. */
async function stop() {
  await close(2_000)
}
