import { setTimeout as sleep } from 'node:timers/promises'

/** @type {import('../app.mjs').Route} */
export default (app) => {
  app.get('/slow', async function* () {
    for (let i = 1; i <= 5; i++) {
      yield `item ${i} of 5\n`
      if (i < 5) await sleep(500)
    }
  })

  app.get('/health', () => ({ ok: true, pid: process.pid }))
}
