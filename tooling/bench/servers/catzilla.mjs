import { StreamingResponse, Topic, catzilla, openFile, sse } from 'catzilla'
import {
  FILE,
  HEARTBEAT_MS,
  HELLO,
  buffers,
  endless,
  eventOf,
  first,
  items,
  itemsAsync,
  publishAll,
  quiet,
  quietAsync,
  quietForAll,
  writeItems,
  writeItemsAhead,
} from './content.mjs'
import { listening } from './listening.mjs'

const events = new Topic({ encode: eventOf })

/** What the idle streams wait on. */
const quietSource = {
  async: () => quietAsync,
  sync: () => quiet,
  none: () => quietForAll,
  topic: () => events.subscribe(),
}[process.env.SOURCE ?? 'async']

const app = catzilla()

app.get('/hello', () => HELLO)
app.get('/hello/:name', (req) => `${req.headers.get('x-greeting')}, ${req.params.name}!`)
app.get('/first-byte', first)
app.get('/items', items)
app.get('/items-async', itemsAsync)
app.get('/items-writer', () => StreamingResponse.fromWriter((w) => writeItems((item) => w.write(item))))
app.get('/items-writer-ahead', () => StreamingResponse.fromWriter((w) => writeItemsAhead((item) => w.write(item))))
app.get('/buffers', () => new StreamingResponse(buffers, { contentType: 'application/octet-stream' }))
app.get('/endless', endless)
app.get('/idle', () => sse(quietSource(), { heartbeatMs: HEARTBEAT_MS }))
app.get(
  '/subscribe',
  () => new StreamingResponse(events.subscribe(), { contentType: 'text/event-stream', head: 'eager' }),
)
app.get('/publish/:how/:first/:count', async (req) => {
  await publishAll(req.url, (id) => events.publish(id))
  return 'published'
})
app.get('/file', async () => new StreamingResponse(await openFile(FILE), { contentType: 'application/octet-stream' }))

const address = await app.listen({ port: 0, host: '127.0.0.1' })
listening(address.port)
