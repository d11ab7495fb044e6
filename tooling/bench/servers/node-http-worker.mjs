// node:http by hand: a Worker joins the items to texts of 64 KiB and posts them; the server writes them, and asks for the next when
// the client has taken them.
import { createServer } from 'node:http'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { useAllCores } from './all-cores.mjs'
import { batched } from './batched.mjs'
import { HELLO, busy, items } from './content.mjs'
import { drained } from './drained.mjs'
import { listening } from './listening.mjs'

const SOURCES = { '/items': () => batched(items()), '/busy': busy }

if (isMainThread) {
  useAllCores()
  const worker = new Worker(new URL(import.meta.url))
  let last = 0
  /** @type {Map<number, (text: string | undefined) => void>} */
  const takers = new Map()
  worker.on('message', ({ id, text }) => takers.get(id)?.(text))

  const server = createServer((req, res) => {
    if (req.url === '/hello') res.end(HELLO)
    else if (req.url in SOURCES) stream(req.url, res)
    else res.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1', () => listening(server.address().port))

  /**
   * @param {string} url
   * @param {import('node:http').ServerResponse} res
   */
  function stream(url, res) {
    const id = ++last
    res.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
    const next = () => worker.postMessage({ id, url })
    takers.set(id, async (text) => {
      if (text === undefined || res.destroyed) {
        takers.delete(id)
        res.end()
        return
      }
      if (!res.write(text)) await drained(res)
      next()
    })
    // Two on their way: one is made while the other is sent.
    next()
    next()
  }
} else {
  const sources = new Map()
  parentPort.on('message', ({ id, url }) => {
    const source = sources.get(id) ?? SOURCES[url]()
    sources.set(id, source)
    const { value } = source.next()
    if (value === undefined) sources.delete(id)
    parentPort.postMessage({ id, text: value })
  })
}
