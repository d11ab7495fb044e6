import { describeWithRedis, RedisServer, until } from '@catzilla/testkit'
import { afterAll, expect, test } from 'vitest'
import { connectEvents } from '../src/client.ts'
import { readmeExample, serveReadme } from './readme-server.ts'

test('the example of the README runs, and goes on where the client was', async () => {
  const gone = new AbortController()
  const response = await fetch(await serveReadme(), { headers: { 'last-event-id': '41' }, signal: gone.signal })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.endsWith('}\n\n')) text += (await reader.read()).value
  expect(text).toMatch(/^retry: 2000\n\nevent: tick\nid: 42\ndata: \{"time":"[^"]+","id":42\}\n\n$/)
  gone.abort()
})

/** The text of a stream until it has what is asked for. */
async function readUntil(url: string, pattern: RegExp, init: RequestInit = {}): Promise<string> {
  const gone = new AbortController()
  const response = await fetch(url, { ...init, signal: gone.signal })
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (pattern.test(text)) break
  }
  gone.abort()
  return text
}

test('the example of a channel runs, and replays what was missed', async () => {
  const url = await serveReadme(await readmeExample('createChannel', 'prices'))
  const text = await readUntil(url, /"cents".*\n\n[^]*"cents".*\n\n/)
  const [first, second] = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!)
  const again = await readUntil(url, /"cents"/, { headers: { 'last-event-id': first! } })
  expect(/^id: (.*)$/m.exec(again)![1]).toBe(second)
})

test('the example of a run runs: it is found after its viewer has left, and stopped', async () => {
  const url = `${await serveReadme(await readmeExample('createRun'))}/?chat=`
  await readUntil(`${url}1`, /phone/, { method: 'POST' })
  expect(await readUntil(`${url}1`, /DONE/)).toMatch(/"type":"start"[^]*tunnel[^]*"finish"[^]*\[DONE\]/)
  await readUntil(`${url}2`, /A/, { method: 'POST' })
  await fetch(`${url}2`, { method: 'DELETE' })
  const stopped = await readUntil(`${url}2`, /DONE/)
  expect(stopped).toContain('"abort"')
  expect(stopped).not.toContain('tunnel')
  expect((await fetch(`${url}none`)).status).toBe(204)
})

test('the example of the client reads the server that the README opens with', async () => {
  const server = await serveReadme()
  const code = await readmeExample('connectEvents')
  const seen: unknown[] = []
  const body = code.replace(/^import.*$/m, '').replace('http://localhost:3000/', server)
  const stopping = body.replace(/\}\s*$/, '  if (log.length === 2) break\n}')
  const source = stopping.replace('console.log(', 'log.push([').replace('event.lastEventId)', 'event.lastEventId])')
  const AsyncFunction = (async () => {}).constructor as new (
    ...text: string[]
  ) => (...values: unknown[]) => Promise<void>
  await new AsyncFunction('connectEvents', 'log', source)(connectEvents, seen)
  expect(seen).toEqual([
    ['tick', { time: expect.any(String), id: 1 }, '1'],
    ['tick', { time: expect.any(String), id: 2 }, '2'],
  ])
})

describeWithRedis('with Redis', () => {
  let redis: RedisServer | undefined
  afterAll(() => redis?.stop())

  test('the example of many machines runs: two of them are one channel', async () => {
    redis = await RedisServer.start()
    const code = (await readmeExample('redisBus'))
      .replace('new Redis()', `new Redis(${redis.port})`)
      .replace(
        'server.listen(',
        "server.on('close', () => bus.close().then(() => client.disconnect()))\nserver.listen(",
      )
      .replace('const bus', `const client = new Redis(${redis.port})\nconst bus`)
      .replace(`client: new Redis(${redis.port})`, 'client')
    const [a, b] = [await serveReadme(code), await serveReadme(code)]
    const onA = readUntil(a, /It works/)
    let id = ''
    const timer = setInterval(
      () => void fetch(b, { method: 'POST' }).then(async (response) => (id = await response.text())),
      100,
    )
    const text = await onA
    clearInterval(timer)
    expect(text).toMatch(/event: headline\nid: .+\ndata: \{"title":"It works"\}/)
    await until(() => id !== '', 'the publisher should have an id')
  })
})
