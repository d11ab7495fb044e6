import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { App } from '@catzilla/server'

test('the code that opens the README runs', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const dir = await mkdtemp(join(tmpdir(), 'catzilla-readme-'))
  const file = join(dir, 'server.mjs')
  await writeFile(file, `${code.replace('port: 3000', "port: 0, host: '127.0.0.1'")}\nexport { app, url }`)
  const { app, url } = (await import(file)) as { app: App; url: string }
  try {
    expect(await (await fetch(`${url}/hello`)).text()).toBe('Hello!\n')
    expect(await (await fetch(`${url}/users/7?admin`)).json()).toEqual({ id: '7', admin: true })
    expect((await fetch(`${url}/users/0`)).status).toBe(404)
    expect((await (await fetch(`${url}/count`)).text()).length).toBe(6_888_890)
    expect(await (await fetch(`${url}/echo`, { method: 'POST', body: 'echo' })).text()).toBe('echo')
  } finally {
    await app.close()
    await rm(dir, { recursive: true })
  }
})
