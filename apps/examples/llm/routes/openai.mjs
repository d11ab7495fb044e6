import { sse, StreamingResponse } from 'catzilla'
import { model } from '../clients.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { clients: { openai }, answers }) => {
  const ask = (req, { signal }) => {
    const messages = [{ role: 'user', content: req.query.get('q') ?? 'Hello' }]
    return openai.chat.completions.create({ model, messages, stream: true }, { signal })
  }

  app.get('/openai', (req) =>
    answers.give(req, async (answer) => {
      return new StreamingResponse(await ask(req, answer), {
        encode: (chunk) => chunk.choices[0]?.delta.content ?? '',
        tail: () => (answer.stopped ? '\n[stopped]\n' : '\n'),
      })
    }),
  )

  // The same for clients that expect the events of OpenAI.
  app.get('/openai/events', (req) =>
    answers.give(req, async (answer) => sse(events(await ask(req, answer), answer), { retryMs: null })),
  )
}

async function* events(chunks, answer) {
  let last
  for await (last of chunks) yield { data: last }
  if (answer.stopped) yield { data: { ...last, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] } }
  yield '[DONE]'
}
