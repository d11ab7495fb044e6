import type { Express, NextFunction, Request, Response } from 'express'
import compression from 'compression'
import express5 from 'express'
// @ts-expect-error The types are those of Express 5: no package has them under this name.
import express4 from 'express4'
import { StreamingResponse } from '@catzilla/streaming'
import { send, streaming } from '@catzilla/streaming/express'
import { EndlessSource, Journal, RawClient, ScriptedSource } from '@catzilla/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { running } from './hosts/hosts.ts'

const MAJORS: Record<string, () => Express> = { 'Express 4': express4 as () => Express, 'Express 5': express5 }

describe.each(Object.entries(MAJORS))('%s', (_name, express) => {
  /** An application with the middleware, and its address. */
  async function serve(define: (app: Express) => void): Promise<string> {
    const app = express()
    app.set('env', 'test') // No log of errors.
    app.use(streaming())
    define(app)
    const host = await running((listening) => app.listen(0, '127.0.0.1', listening))
    onTestFinished(() => host.close())
    return `http://127.0.0.1:${host.port}`
  }

  test('what the handler has set on the response is kept', async () => {
    const url = await serve((app) => {
      app.get('/', (_req, res) => {
        res.status(201).type('csv').cookie('a', '1').set('x-page', '1')
        void res.stream(new StreamingResponse(['a,b'], { headers: { 'set-cookie': 'b=2' } }))
      })
    })
    const response = await fetch(url)
    expect(response.status).toBe(201)
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(response.headers.get('x-page')).toBe('1')
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2'])
    expect(await response.text()).toBe('a,b')
  })

  test('what the response says itself comes before what the handler has set', async () => {
    const url = await serve((app) => {
      app.get('/', (_req, res) => {
        res.status(201).type('csv')
        void res.stream(new StreamingResponse(['<p>'], { status: 202, contentType: 'text/html' }))
      })
    })
    const response = await fetch(url)
    expect(response.status).toBe(202)
    expect(response.headers.get('content-type')).toBe('text/html')
    await response.text()
  })

  test('send needs no middleware', async () => {
    const url = await serve((app) => {
      app.get('/', (req, res) => void send(req, res, new StreamingResponse(['body'])))
    })
    const response = await fetch(url)
    expect(await response.text()).toBe('body')
  })

  test('a source sees the whole URL, also inside a router', async () => {
    const url = await serve((app) => {
      app.use('/api', (_req, res) => void res.stream(new StreamingResponse(({ url: seen }) => [seen])))
    })
    const response = await fetch(`${url}/api/rows?page=2`)
    expect(await response.text()).toBe('/api/rows?page=2')
  })

  test('an early failure goes to the error handler, once, with what was thrown', async () => {
    const journal = new Journal()
    const url = await serve((app) => {
      app.get('/', (_req, res) => res.stream(new StreamingResponse([Promise.reject(new Error('early'))])))
      app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
        journal.note('handled', error.message)
        res.status(503).send('sorry')
      })
    })
    const response = await fetch(url)
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('sorry')
    expect(await journal.first('handled')).toBe('early')
    expect(journal.times('handled')).toBe(1)
  })

  test.each(['route', undefined, null])('an early %o is a failure, and not a word for Express', async (thrown) => {
    const url = await serve((app) => {
      app.get('/', (_req, res) => {
        void res.stream(
          new StreamingResponse(() => {
            throw thrown
          }),
        )
      })
      app.use((_req, res) => void res.send('the next route'))
    })
    const response = await fetch(url)
    expect(response.status).toBe(500)
    await response.text()
  })

  test('a late failure does not go to the error handler, and is told to who waits', async () => {
    const journal = new Journal()
    const url = await serve((app) => {
      app.get('/', async (_req, res) => {
        const source = function* () {
          yield 'before'
          throw new Error('late')
        }
        journal.note('ended', await res.stream(new StreamingResponse(source)))
      })
      app.use((error: Error, _req: Request, _res: Response, next: NextFunction) => {
        journal.note('handled')
        next(error)
      })
    })
    const response = await fetch(url)
    await expect(response.text()).rejects.toThrow()
    expect(await journal.first('ended')).toMatchObject({ outcome: 'source-error', committed: true })
    expect(journal.events).toEqual(['ended'])
  })

  test('a client that leaves is no error', async () => {
    const log = vi.spyOn(console, 'error')
    onTestFinished(() => log.mockRestore())
    const source = new EndlessSource()
    const journal = new Journal()
    const url = await serve((app) => {
      app.set('env', 'development')
      app.get('/', async (_req, res) => journal.note('ended', await res.stream(new StreamingResponse(source.sync()))))
      app.use((error: Error, _req: Request, _res: Response, next: NextFunction) => {
        journal.note('handled')
        next(error)
      })
    })
    const client = await RawClient.connect(Number(new URL(url).port), { consume: () => {} })
    await client.get()
    client.reset()
    expect(await journal.first('ended')).toMatchObject({ outcome: 'client-abort' })
    expect(journal.events).toEqual(['ended'])
    expect(log).not.toHaveBeenCalled()
  })

  describe.each(['gzip', 'br'])('behind compression with %s', (coding) => {
    const ask = (url: string) => fetch(url, { headers: { 'accept-encoding': coding } })

    test('each item arrives before the next is made', async () => {
      const script = new ScriptedSource('first ')
      const url = await serve((app) => {
        app.use(compression({ threshold: 0 }))
        app.get('/', (_req, res) => void res.stream(new StreamingResponse(script)))
      })
      const response = await ask(url)
      expect(response.headers.get('content-encoding')).toBe(coding)
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      expect((await reader.read()).value).toBe('first ')
      script.give('second')
      expect((await reader.read()).value).toBe('second')
      script.end()
      expect((await reader.read()).done).toBe(true)
    })

    test('a long body arrives whole, and a declared length is left out', async () => {
      const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`)
      const whole = lines.join('')
      const url = await serve((app) => {
        app.use(compression())
        app.get('/', (_req, res) => {
          void res.stream(new StreamingResponse(lines, { headers: { 'content-length': whole.length } }))
        })
      })
      const response = await ask(url)
      expect(response.headers.get('content-encoding')).toBe(coding)
      expect(response.headers.get('content-length')).toBeNull()
      expect((await response.text()) === whole).toBe(true)
    })

    test('a response that is not to be transformed is not compressed', async () => {
      const url = await serve((app) => {
        app.use(compression({ threshold: 0 }))
        app.get('/', (_req, res) => {
          void res.stream(new StreamingResponse(['body'], { headers: { 'cache-control': 'no-transform' } }))
        })
      })
      const response = await ask(url)
      expect(response.headers.get('content-encoding')).toBeNull()
      expect(await response.text()).toBe('body')
    })

    test('a late failure breaks the body', async () => {
      const script = new ScriptedSource('before')
      const url = await serve((app) => {
        app.use(compression({ threshold: 0 }))
        app.get('/', (_req, res) => void res.stream(new StreamingResponse(script)))
      })
      const response = await ask(url)
      script.fail(new Error('late'))
      await expect(response.text()).rejects.toThrow()
    })
  })
})
