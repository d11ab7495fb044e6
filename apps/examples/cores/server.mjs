// One program on all cores: each worker loads this file and serves what it exports. PORT chooses the port.
import { isMainThread, threadId } from 'node:worker_threads'
import { catzilla, StreamingResponse, Topic } from 'catzilla'

const app = catzilla()

/** One topic in all threads: whoever publishes, everybody gets it, under the same number. */
const ticks = new Topic({
  name: 'ticks',
  retain: { frames: 100 },
  encode: ({ from, at }, id) => `${id}: thread ${from} at ${at}\n`,
})

app.get('/', () => `thread ${threadId}\n`)
app.get('/ticks', ({ query }) => {
  const after = query.has('after') ? { after: Number(query.get('after')) } : {}
  return new StreamingResponse(ticks.subscribe(after), { head: 'eager' })
})
app.post('/ticks', () => {
  ticks.publish({ from: threadId, at: new Date().toISOString() })
})
app.get('/busy', ({ query }) => {
  const end = performance.now() + Math.min(Number(query.get('ms') ?? 100), 5_000)
  while (performance.now() < end); // Only this worker's clients wait.
  return 'done\n'
})
app.get('/crash', () => {
  setTimeout(() => {
    throw new Error('as you wished')
  })
  return `thread ${threadId} ends now, and another one takes its place\n`
})
app.get('/stats', () => app.totalStats())

export default app

const { url } = await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1', workers: 'auto' })

// In the workers, this file goes on to here, too: what is to happen once is the main thread's.
if (isMainThread) {
  setInterval(() => ticks.publish({ from: threadId, at: new Date().toISOString() }), 1_000).unref()
  process.once('SIGTERM', () => app.close())
  process.once('SIGINT', () => app.close())
  console.log(`${url}

  curl ${url}/                      which thread answers
  curl -N '${url}/ticks?after=0'    the same ticks on every thread
  curl -X POST ${url}/ticks         published by whichever thread it meets
  curl ${url}/crash                 the other threads go on
  curl ${url}/stats                 all of them together
`)
}
