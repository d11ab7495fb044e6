import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { relay, type StreamEnd } from '@catzilla/streaming'
import { expect } from 'vitest'
import { Journal, settled, until } from '../waits.ts'
import { chapter } from './chapter.ts'

const MIB = 1024 * 1024

/** What the system's own buffers of two local connections may take, with room to spare. */
const SYSTEM_BUFFERS = 32 * MIB

/** The contract's bound: the source has ended so long after the client left. */
const CLEAN_UP_MS = 1_000

/** Another server, and what `fetch()` got of it. Its connections end with the case. */
async function withUpstream(
  answer: (res: ServerResponse) => void,
  run: (upstream: { response: Response; res: ServerResponse; journal: Journal }) => Promise<void>,
): Promise<void> {
  const journal = new Journal()
  const server = createServer((_req, res) => {
    res.on('close', () => journal.note(res.writableFinished ? 'finished' : 'cut'))
    journal.note('asked', res)
    answer(res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await run({ response, journal, res: await journal.first<ServerResponse>('asked') })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** An event stream that has begun and goes on when the case writes to it. */
function events(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
}

export const relaying = chapter('relay', (holds) => {
  holds(
    'status, type, length and fields of the upstream go on, and its connection stays its own',
    async ({ serve }) => {
      const answer = (res: ServerResponse) => {
        const fields = {
          'content-type': 'application/json',
          'content-length': 2,
          'retry-after': '7',
          'set-cookie': 'a=1',
        }
        res.writeHead(429, { ...fields, connection: 'x-hop', 'x-hop': '1' }).end('{}')
      }
      await withUpstream(answer, async ({ response }) => {
        const server = await serve(() => relay(response))
        const client = await server.connect()
        const relayed = await client.get()
        expect(await relayed.whole()).toBe('{}')
        expect(relayed.status).toBe(429)
        expect(relayed.field('content-type')).toBe('application/json')
        expect(relayed.field('content-length')).toBe('2')
        expect(relayed.field('retry-after')).toBe('7')
        expect(relayed.field('set-cookie')).toBeUndefined()
        expect(relayed.field('x-hop')).toBeUndefined()
      })
    },
  )

  holds('the head arrives before the body has begun, and each event before the next', async ({ serve }) => {
    const answer = (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    await withUpstream(answer, async ({ response, res }) => {
      const server = await serve(() => relay(response))
      const relayed = await server.get()
      expect(relayed.field('cache-control')).toContain('no-transform')
      for (const name of ['first', 'second', 'third']) {
        res.write(`data: ${name}\n\n`)
        await relayed.receives(`${name}\n\n`)
      }
      res.end()
      expect(await relayed.whole()).toBe('data: first\n\ndata: second\n\ndata: third\n\n')
    })
  })

  holds('an upstream that cuts its chunks within characters is relayed in whole ones', async ({ serve }) => {
    const text = 'data: é€😀\n\n'
    await withUpstream(events, async ({ response, res, journal }) => {
      const server = await serve(() => relay(response).after(journal.noting('after')))
      const relayed = await server.get()
      await relayed.receives('first\n\n')
      for (const byte of Buffer.from(text)) {
        await new Promise<void>((resolve) => res.write(Uint8Array.of(byte), () => resolve()))
        await new Promise(setImmediate)
      }
      res.end()
      expect(await relayed.whole()).toBe(`data: first\n\n${text}`)
      const strict = new TextDecoder('utf-8', { fatal: true })
      for (const { bytes } of relayed.pieces) strict.decode(bytes) // Each alone.
    })
  })

  holds('a client that leaves ends a silent upstream', async ({ serve }) => {
    await withUpstream(events, async ({ response, journal }) => {
      const server = await serve(() => relay(response).after(journal.noting('after')))
      const client = await server.connect()
      const relayed = await client.get()
      await relayed.receives('first')
      client.reset()
      await journal.first('cut', CLEAN_UP_MS)
      expect((await journal.first<StreamEnd>('after')).outcome).toBe('client-abort')
    })
  })

  holds('an upstream that breaks shows the client a broken body', async ({ serve }) => {
    await withUpstream(events, async ({ response, res, journal }) => {
      const server = await serve(() => relay(response).after(journal.noting('after')))
      const relayed = await server.get()
      await relayed.receives('first')
      res.destroy()
      expect(await relayed.broken()).toBe('data: first\n\n')
      expect((await journal.first<StreamEnd>('after')).outcome).toBe('source-error')
    })
  })

  holds('a reader that stands still stops the upstream, which goes on with it', async ({ serve }) => {
    const block = Buffer.alloc(64 * 1024, 'x')
    let written = 0
    const endless = (res: ServerResponse) => {
      const write = () => {
        do written += block.length
        while (res.write(block))
      }
      res.writeHead(200, { 'content-type': 'application/octet-stream' }).on('drain', write)
      write()
    }
    await withUpstream(endless, async ({ response, journal }) => {
      const server = await serve(() => relay(response))
      const client = await server.connect({ consume: () => {} })
      await client.get()
      client.stall()
      const stalled = await settled(() => written, 'a stalled upstream')
      expect(stalled).toBeLessThan(SYSTEM_BUFFERS)
      client.resume()
      await until(() => written > stalled + SYSTEM_BUFFERS, 'the upstream should go on')
      client.reset()
      await journal.first('cut', CLEAN_UP_MS)
    })
  })

  holds('what the upstream has compressed arrives as it was', async ({ serve }) => {
    const text = Array.from({ length: 10_000 }, (_, i) => `${i} €\n`).join('')
    const answer = (res: ServerResponse) => {
      const body = gzipSync(text)
      const fields = { 'content-type': 'text/plain', 'content-encoding': 'gzip', 'content-length': body.length }
      res.writeHead(200, fields).end(body)
    }
    await withUpstream(answer, async ({ response }) => {
      const server = await serve(() => relay(response))
      const relayed = await server.get()
      expect((await relayed.whole()) === text).toBe(true)
      expect(relayed.field('content-encoding')).toBeUndefined()
      expect(relayed.field('content-length')).toBeUndefined()
    })
  })

  holds('HEAD gets the head, and the upstream is cancelled', async ({ serve }) => {
    await withUpstream(events, async ({ response, journal }) => {
      const server = await serve(() => relay(response))
      const relayed = await server.get('/', { method: 'HEAD' })
      expect(await relayed.whole()).toBe('')
      expect(relayed.field('content-type')).toBe('text/event-stream')
      await journal.first('cut', CLEAN_UP_MS)
    })
  })

  holds('304 goes on without a body', async ({ serve }) => {
    const answer = (res: ServerResponse) => res.writeHead(304, { etag: '"1"' }).end()
    await withUpstream(answer, async ({ response }) => {
      const server = await serve(() => relay(response))
      const relayed = await server.get()
      expect(await relayed.whole()).toBe('')
      expect(relayed.status).toBe(304)
      expect(relayed.field('etag')).toBe('"1"')
    })
  })
})
