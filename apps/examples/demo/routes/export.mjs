import { csv } from 'catzilla'
import { earthquakes, totals } from '../data.mjs'
import { paced } from '../pace.mjs'

/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/export.csv', ({ query }) =>
    csv(paced(earthquakes(), query.get('rate')), {
      filename: 'earthquakes.csv',
      headers: { 'x-total-records': totals.earthquakes },
    }),
  )
}
