import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StreamingResponse } from '@catzilla/streaming'
import { send } from '@catzilla/streaming/node'
import { sse } from '../../src/index.ts'
import { VECTORS, WPT, type Case } from './cases.ts'

export const CASES: readonly Case[] = [...WPT, ...VECTORS]

/** In what pieces a body is sent. */
export const CUTS = ['whole', 'by-byte'] as const

/**
 * Sends each case once to each judge, at `/<case>/<cut>?<judge>`, and answers its next connection with 204, so that the client closes.
 * `/` is a page of the same origin.
 */
export class JudgedServer {
  private readonly seen = new Map<string, string | null | undefined>()

  private constructor(private readonly server: Server) {}

  static async start(): Promise<JudgedServer> {
    const server = createServer()
    const judged = new JudgedServer(server)
    server.on('request', (req, res) => {
      const url = req.url!
      const [, index, cut] = /^\/(\d+)\/([a-z-]+)/.exec(url) ?? []
      if (index === undefined)
        return res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>judge')
      const lastEventId = req.headers['last-event-id']
      if (judged.seen.has(url)) {
        judged.seen.set(url, lastEventId === undefined ? null : Buffer.from(String(lastEventId), 'latin1').toString())
        return res.writeHead(204).end()
      }
      judged.seen.set(url, undefined)
      return send(req, res, responseTo(CASES[Number(index)]!, cut!))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return judged
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The field of a client's second connection. */
  cameBack(path: string): string | null | undefined {
    return this.seen.get(path)
  }

  close(): void {
    this.server.close().closeAllConnections()
  }
}

function responseTo({ send: given, contentType = 'text/event-stream' }: Case, cut: string): StreamingResponse<never> {
  const options = { contentType, headers: { 'cache-control': 'no-cache' }, head: 'eager' as const }
  if (typeof given !== 'string') return sse(given, { retryMs: 50 })
  // Clients would wait for seconds before they come back. Where the end of the body is the case, they do.
  const bytes = new TextEncoder().encode(given.endsWith('\n\n') ? `${given}retry:50\n\n` : given)
  if (cut === 'whole') return new StreamingResponse(bytes, options)
  return new StreamingResponse(async function* () {
    for (let i = 0; i < bytes.length; i++) {
      yield bytes.subarray(i, i + 1)
      if (bytes.length < 400) await new Promise(setImmediate)
    }
  }, options)
}
