import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StreamingResponse, type StreamEnd } from '@catzilla/streaming'
import { openFile, type OpenFile } from '@catzilla/streaming/node'
import { expect } from 'vitest'
import { Journal } from '../waits.ts'
import { chapter } from './chapter.ts'

const MIB = 1024 * 1024
const TYPE = { contentType: 'application/octet-stream' }

/** A file with random content, and a way to open it; gone when the case is over. */
async function withFile(size: number, run: (path: string, content: Buffer) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'catzilla-files-'))
  try {
    const path = join(dir, 'content')
    const content = randomBytes(size)
    await writeFile(path, content)
    await run(path, content)
  } finally {
    await rm(dir, { recursive: true })
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Node marks a closed handle so. */
const isClosed = (file: OpenFile) => (Reflect.get(file, 'handle') as { fd: number }).fd === -1

export const files = chapter('files', (holds) => {
  holds('a file arrives whole, with its length, and the connection goes on', ({ serve }) =>
    withFile(5 * MIB + 7, async (path, content) => {
      const opened = [await openFile(path), await openFile(path, { start: MIB, end: MIB + 1000 })]
      const waiting = [...opened]
      const server = await serve(() => new StreamingResponse(waiting.shift()!, TYPE))
      const hash = createHash('sha256')
      let received = 0
      const client = await server.connect({
        consume: (bytes) => {
          received += bytes.length
          hash.update(bytes)
        },
      })
      const whole = await client.get()
      await whole.whole()
      expect(whole.field('content-length')).toBe(String(content.length))
      const part = await client.get()
      await part.whole()
      expect(part.field('content-length')).toBe('1000')
      expect(received).toBe(content.length + 1000)
      expect(hash.digest('hex')).toBe(sha256(Buffer.concat([content, content.subarray(MIB, MIB + 1000)])))
      for (const file of opened) expect(isClosed(file)).toBe(true)
    }),
  )

  holds('a slow reader gets all of a file', ({ serve }) =>
    withFile(2 * MIB, async (path, content) => {
      const file = await openFile(path)
      const server = await serve(() => new StreamingResponse(file, TYPE))
      const hash = createHash('sha256')
      const client = await server.connect({ consume: (bytes) => hash.update(bytes) })
      client.readSlowly(4 * MIB)
      const response = await client.get()
      await response.whole()
      expect(hash.digest('hex')).toBe(sha256(content))
    }),
  )

  holds('a client that leaves in the middle of a file closes it', ({ serve }) =>
    withFile(32 * MIB, async (path) => {
      const file = await openFile(path)
      const journal = new Journal()
      const server = await serve(() => new StreamingResponse(file, TYPE).after(journal.noting('after')))
      const client = await server.connect({ consume: () => {} })
      await client.get()
      client.stall()
      client.leave()
      expect(await journal.first<StreamEnd>('after', 1_000)).toMatchObject({ outcome: 'client-abort' })
      expect(isClosed(file)).toBe(true)
    }),
  )

  holds('a file that becomes shorter while it is sent is a broken body', ({ serve }) =>
    withFile(32 * MIB, async (path) => {
      const file = await openFile(path)
      const journal = new Journal()
      const server = await serve(() => new StreamingResponse(file, TYPE).after(journal.noting('after')))
      const client = await server.connect({ consume: () => {} })
      const response = await client.get()
      client.stall()
      await truncate(path, 1000)
      client.resume()
      await response.broken()
      const end = await journal.first<StreamEnd>('after')
      expect(end).toMatchObject({ outcome: 'source-error', error: { code: 'CZ_STREAM_LENGTH' } })
      expect(isClosed(file)).toBe(true)
    }),
  )

  holds('HEAD of a file has its length, and closes it', ({ serve }) =>
    withFile(1000, async (path) => {
      const file = await openFile(path)
      const journal = new Journal()
      const server = await serve(() => new StreamingResponse(file, TYPE).after(journal.noting('after')))
      const response = await server.get('/', { method: 'HEAD' })
      await response.whole()
      expect(response.field('content-length')).toBe('1000')
      await journal.first<StreamEnd>('after')
      expect(isClosed(file)).toBe(true)
    }),
  )
})
