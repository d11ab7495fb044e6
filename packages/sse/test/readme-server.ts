import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** An example of the README, the first with all that is asked for in it. */
export async function readmeExample(...words: string[]): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code!)
  return examples.find((code) => words.every((word) => code.includes(word)))!
}

/** Starts the server of an example on a free port, and gives its address. */
export async function serveReadme(example?: string): Promise<string> {
  const code = example ?? (await readmeExample())
  // Beside the tests, so that it finds what they find.
  const dir = await mkdtemp(fileURLToPath(new URL('./.readme-', import.meta.url)))
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
