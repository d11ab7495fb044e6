import { setTimeout as sleep } from 'node:timers/promises'
import { StreamingResponse } from 'catzilla'
import { reportSections } from '../weather-report.mjs'

/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/report', () =>
    StreamingResponse.fromWriter(async (out) => {
      await out.writeln('THE WEATHER OF SEATTLE, 2012 TO 2015')
      for await (const { title, lines } of reportSections()) {
        await out.writeln(`\n${title}\n`)
        for (const line of lines) {
          await out.writeln(`  ${line}`)
          await sleep(50) // some work
        }
      }
      await out.writeln('\nEnd of report')
    }),
  )
}
