import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Starts the server that the README opens with, on a free port, and gives its address. */
export async function serveReadme(): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const dir = await mkdtemp(join(tmpdir(), 'catzilla-readme-'))
  try {
    const file = join(dir, 'readme.mjs')
    await writeFile(file, `${code.replace('listen(3000)', 'listen(0)')}\nexport { server }\n`)
    const { server } = (await import(file)) as { server: Server }
    onTestFinished(() => server.close().closeAllConnections())
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
    return `http://localhost:${(server.address() as AddressInfo).port}`
  } finally {
    await rm(dir, { recursive: true })
  }
}
