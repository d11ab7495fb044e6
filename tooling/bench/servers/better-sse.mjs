// better-sse on node:http, with its channel. Its heartbeat is off, as none of the others has one.
import { createServer } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { CAT, publishAll } from './content.mjs'
import { listening } from './listening.mjs'

const channel = createChannel()

const server = createServer(async (req, res) => {
  if (req.url === '/subscribe') {
    channel.register(await createSession(req, res, { keepAlive: null }))
  } else {
    await publishAll(req.url, (id) => channel.broadcast(CAT, 'message', { eventId: id }))
    res.end()
  }
})

server.listen(0, '127.0.0.1', () => listening(server.address().port))
