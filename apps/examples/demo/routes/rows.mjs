import { jsonl } from 'catzilla'
import { totals, zipcodes } from '../data.mjs'
import { paced } from '../pace.mjs'

/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/rows.jsonl', ({ query }) =>
    jsonl(paced(zipcodes(), query.get('rate')), {
      headers: { 'x-total-records': totals.zipcodes },
    }),
  )
}
