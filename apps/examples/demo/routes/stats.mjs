import { watchStreams } from '../streams.mjs'

/** @type {import('../app.mjs').Route} */
export default (app, { server }) => {
  const ended = watchStreams()

  app.get('/stats', () => ({
    ...app.stats(),
    transport: server.transport,
    memoryBytes: process.memoryUsage.rss(),
    ended,
  }))
}
