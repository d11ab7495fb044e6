// One channel, on the host that the command names, for `src/channel-publish.mjs`. It is told what to do by its parent process.
import { createServer } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import { catzilla, createChannel as createOurs } from 'catzilla'
import { send } from '@catzilla/streaming/node'
import { streaming } from '@catzilla/streaming/express'
import express from 'express'
import { CAT } from './content.mjs'

const QUIET = { info() {}, warn() {}, error: console.error }

/** @returns {{ publish(): unknown, size(): number, listen(): Promise<number> }} */
function open(kind) {
  if (kind.startsWith('better-sse')) return openTheirs(kind)
  // As better-sse is asked to do: no heartbeats.
  const channel = createOurs({ heartbeatMs: null, maxEvents: 100_000, maxBytes: 64 * 1024 * 1024 })
  const face = { publish: () => channel.publish({ event: 'message', data: CAT }), size: () => channel.size }
  if (kind === 'catzilla') {
    const app = catzilla({ logger: QUIET })
    app.get('/', () => channel.subscribe())
    return { ...face, listen: async () => (await app.listen({ host: '127.0.0.1' })).port }
  }
  if (kind === 'express') {
    const app = express()
    app.use(streaming())
    app.get('/', (_req, res) => res.stream(channel.subscribe()))
    return { ...face, listen: () => listening(createServer(app)) }
  }
  return { ...face, listen: () => listening(createServer((req, res) => void send(req, res, channel.subscribe()))) }
}

function openTheirs(kind) {
  const channel = createChannel()
  const register = async (req, res) => channel.register(await createSession(req, res, { keepAlive: null }))
  let id = 0
  const app = kind === 'better-sse in express' ? express().get('/', register) : register
  return {
    publish: () => channel.broadcast(CAT, 'message', { eventId: String(++id) }),
    size: () => channel.sessionCount,
    listen: () => listening(createServer(app)),
  }
}

function listening(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', 511, () => resolve(server.address().port)))
}

const host = open(process.argv[2])
let before

process.on('message', ({ ask, events }) => {
  if (ask === 'size') {
    process.send({ size: host.size() })
  } else if (ask === 'publish') {
    before = process.cpuUsage()
    for (let i = 0; i < events; i++) host.publish()
  } else {
    const { user, system } = process.cpuUsage(before)
    process.send({ cpuUs: user + system, rss: process.memoryUsage.rss() })
  }
})
process.once('disconnect', () => process.exit())
process.send({ port: await host.listen() })
