import { createServer, type Http2Server } from 'node:http2'
import { StreamingResponse } from '@catzilla/streaming'
import { send as sendOnStream } from '@catzilla/streaming/http2'
import { send } from '@catzilla/streaming/node'
import { Http2Client, ScriptedSource } from '@catzilla/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { running } from './hosts/hosts.ts'

type Make = () => StreamingResponse<never>

const FACES: Record<string, (response: Make) => Http2Server> = {
  'the compatibility API': (response) => createServer((req, res) => void send(req, res, response())),
  streams: (response) =>
    createServer().on('stream', (stream, headers) => void sendOnStream(stream, headers, response())),
}

for (const [face, makeServer] of Object.entries(FACES)) {
  const serve = async (response: Make): Promise<Http2Client> => {
    const server = makeServer(response)
    const { port, close } = await running((listening) => server.listen(0, '127.0.0.1', listening))
    const client = await Http2Client.connect(port)
    onTestFinished(() => {
      client.leave()
      return close()
    })
    return client
  }

  test(`on ${face} no field of HTTP/1.1 is sent, and Node warns of none`, async () => {
    const warn = vi.spyOn(process, 'emitWarning')
    onTestFinished(() => warn.mockRestore())
    const client = await serve(() => new StreamingResponse(['body']))
    const response = await client.get('/')
    expect(await response.whole()).toBe('body')
    const names = response.fields.map(([name]) => name)
    expect(names).not.toContain('connection')
    expect(names).not.toContain('transfer-encoding')
    expect(warn).not.toHaveBeenCalled()
  })

  test(`on ${face} a failure resets its stream, and the others of the connection go on`, async () => {
    const scripts = [new ScriptedSource('broken '), new ScriptedSource('whole ')]
    const [broken, whole] = [...scripts]
    const client = await serve(() => new StreamingResponse(scripts.shift()!))
    const [one, two] = [await client.get('/1'), await client.get('/2')]
    broken!.fail(new Error('failed'))
    expect(await one.broken()).toBe('broken ')
    whole!.give('and sound')
    whole!.end()
    expect(await two.whole()).toBe('whole and sound')
  })

  // Node frees text that is still to be sent when an empty chunk follows it: what was sent instead was memory of the process.
  test(`on ${face} text arrives as it is when the stream breaks off behind it`, async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`)
    const client = await serve(
      () =>
        new StreamingResponse(function* () {
          yield* lines
          yield new Uint8Array(0)
          throw new Error('failed')
        }),
    )
    for (let i = 0; i < 20; i++) {
      const response = await client.get('/')
      expect((await response.broken()) === lines.join('')).toBe(true)
    }
  })
}
