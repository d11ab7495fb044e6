import { setTimeout as sleep } from 'node:timers/promises'
import { answerTo, pauseAfter, tokensOf } from '../answers.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { log }) => {
  app.get('/answer', async function* ({ query }) {
    let sent = 0
    try {
      for (const token of tokensOf(answerTo(query.get('q')))) {
        await sleep(pauseAfter(token))
        yield token
        sent++
      }
    } finally {
      // Runs as well when the reader leaves in the middle.
      log(`/answer: ${sent} tokens sent`)
    }
  })
}
