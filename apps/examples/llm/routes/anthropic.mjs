import { StreamingResponse } from 'catzilla'
import { model } from '../clients.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { clients: { anthropic }, answers }) => {
  app.get('/anthropic', (req) =>
    answers.give(req, async (answer) => {
      const messages = [{ role: 'user', content: req.query.get('q') ?? 'Hello' }]
      const stream = await anthropic.messages.create(
        { model, max_tokens: 1024, messages, stream: true },
        { signal: answer.signal },
      )
      return new StreamingResponse(stream, {
        encode: (event) => (event.type === 'content_block_delta' ? (event.delta.text ?? '') : ''),
        tail: () => (answer.stopped ? '\n[stopped]\n' : '\n'),
      })
    }),
  )
}
