import { expect, test } from 'vitest'
import { serveReadme } from './readme-server.ts'

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
