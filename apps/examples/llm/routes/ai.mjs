import { convertToModelMessages, streamText } from 'ai'
import { sse, StreamingResponse } from 'catzilla'
import { model } from '../clients.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { clients: { provider }, answers }) => {
  const ask = (prompt, answer) =>
    streamText({
      ...prompt,
      model: provider(model),
      maxRetries: 0,
      abortSignal: answer.signal,
      onError: ({ error }) => (answer.failure = error),
    })

  app.get('/ai', (req) =>
    answers.give(req, (answer) => {
      const { textStream } = ask({ prompt: req.query.get('q') ?? 'Hello' }, answer)
      return new StreamingResponse(textStream, {
        tail() {
          // The SDK keeps errors out of this stream: without this line, an answer that broke off would look whole.
          if (answer.failure) throw answer.failure
          return answer.stopped ? '\n[stopped]\n' : '\n'
        },
      })
    }),
  )

  // What `useChat` asks. Its protocol has parts of its own for an answer that was stopped, and for one that failed.
  app.post('/ai/ui', async (req) => {
    const { id, messages } = await req.json()
    const prompt = { messages: await convertToModelMessages(messages) }
    return answers.give(
      req,
      (answer) =>
        sse(events(ask(prompt, answer).toUIMessageStream()), {
          headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
          retryMs: null,
        }),
      id,
    )
  })
}

async function* events(parts) {
  for await (const part of parts) yield { data: part }
  yield '[DONE]'
}
