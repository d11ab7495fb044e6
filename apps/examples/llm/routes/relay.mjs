import { relay } from 'catzilla'
import { model } from '../clients.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { upstream, answers }) => {
  // Without an SDK: what the model's server sends goes on as it is, its status and content type included.
  app.get('/relay', async (req) => {
    const began = performance.now()
    const messages = [{ role: 'user', content: req.query.get('q') ?? 'Hello' }]
    const response = await fetch(`${upstream}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer none' },
      body: JSON.stringify({ model, messages, stream: true }),
      signal: req.signal,
    })
    return relay(response).after(({ outcome }) => answers.note(req, began, outcome))
  })
}
