import { sse } from 'catzilla'
import { openMarket } from '../market.mjs'

const market = await openMarket()

/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/events', ({ query }) =>
    sse(({ lastEventId }) => {
      const after = lastEventId ?? query.get('after')
      return market.follow(after) // gives { id, data }
    }),
  )

  app.post('/events/drop', () => market.hangUp())
}
