import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { App } from 'catzilla'

test('the code that opens the README runs', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const dir = await mkdtemp(join(tmpdir(), 'catzilla-readme-'))
  const file = join(dir, 'server.mjs')
  await writeFile(file, `${code.replace('port: 3000', "port: 0, host: '127.0.0.1'")}\nexport { app, url }`)
  const { app, url } = (await import(file)) as { app: App; url: string }
  const lines = async (path: string) => (await (await fetch(url + path)).text()).trimEnd().split(/\r?\n/)
  try {
    expect((await lines('/count')).at(-1)).toBe('999999')
    expect((await lines('/orders.csv')).slice(0, 2)).toEqual(['id,total', '1,1.5'])
    expect((await lines('/orders.jsonl')).at(-1)).toBe('{"id":100000,"total":150000}')
    expect((await lines('/report')).at(-1)).toBe('Order 100000: 150000')
    const clock = await fetch(`${url}/clock`)
    expect(clock.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const reader = clock.body!.pipeThrough(new TextDecoderStream()).getReader()
    let events = ''
    while (!events.includes('\n\nevent: tick') && !events.startsWith('event: tick'))
      events += (await reader.read()).value
    await reader.cancel()
  } finally {
    await app.close({ graceMs: 0 })
    await rm(dir, { recursive: true })
  }
})
