import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Http2Client } from '@catzilla/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'

const ROWS = 'row 0\nrow 1\nrow 2\n'

/** The heading over an example, and what of it is the server. */
const SERVERS: Record<string, string> = {
  'Express 4 and 5': 'server',
  'Fastify 5': 'app.server',
  'Koa 3': 'server',
  Hono: 'server',
}

for (const [heading, server] of Object.entries(SERVERS)) {
  test(`the example for ${heading} runs`, async () => {
    const response = await fetch(`http://localhost:${await serve(heading, server)}/`)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(ROWS)
  })
}

test('the example that the README opens with runs', async () => {
  const response = await fetch(`http://localhost:${await serve('@catzilla/streaming', 'server')}/`)
  const text = await response.text()
  expect(text.slice(0, ROWS.length)).toBe(ROWS)
  expect(text.endsWith('row 999999\n')).toBe(true)
})

test('the example for the writer runs', async () => {
  const response = await fetch(`http://localhost:${await serve('Write instead of yield', 'server')}/`)
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(bytes.toString()).toBe('\ufeffid,name\n1,"Ada, Countess"\n2,Grace\n')
})

test('the example for relay runs', async () => {
  const llm = createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    req.on('end', () => res.end(`data: ${req.method} ${req.headers.authorization}\n\n`)).resume()
  })
  await new Promise<void>((resolve) => llm.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void llm.close())
  vi.stubEnv('LLM_URL', `http://127.0.0.1:${(llm.address() as AddressInfo).port}/`)
  vi.stubEnv('LLM_KEY', 'key')
  onTestFinished(() => void vi.unstubAllEnvs())
  const response = await fetch(`http://localhost:${await serve("Relay another server's answer", 'server')}/`)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(await response.text()).toBe('data: POST Bearer key\n\n')
})

test('the example for broadcast runs', async () => {
  const response = await fetch(`http://localhost:${await serve('Broadcast', 'server')}/`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (text.split('\n').length < 4) text += (await reader.read()).value
  await reader.cancel()
  const symbols = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { symbol: string }).symbol)
  expect(symbols.slice(0, 3)).toEqual(['ACME', 'BETA', 'ACME'])
})

test('the example for workers runs', async () => {
  const response = await fetch(`http://localhost:${await serve('Produce in a worker', 'server', 'primes.mjs')}/`)
  const primes = (await response.text()).trimEnd().split('\n')
  expect([primes.length, primes[0], primes.at(-1)]).toEqual([10_000, '2', '104729'])
})

test('the example for files runs', async () => {
  const response = await fetch(`http://localhost:${await serve('Files', 'server')}/`)
  const text = await response.text()
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
  expect(text).toBe(await readFile('package.json', 'utf8'))
})

test('the example for HTTP/2 runs', async () => {
  const client = await Http2Client.connect(await serve('HTTP/2', 'server'))
  const response = await client.get('/')
  expect(await response.whole()).toBe(ROWS)
  client.leave()
})

test('the example for fetch runtimes runs', async () => {
  const { default: app } = (await run('Any fetch runtime: Bun, Deno, workers')) as {
    default: { fetch(request: Request): Promise<Response> }
  }
  const response = await app.fetch(new Request('http://localhost/'))
  expect(await response.text()).toBe(ROWS)
})

/** Starts the server of an example on a free port, and gives that. */
async function serve(heading: string, expression: string, beside?: string): Promise<number> {
  const { running: server } = (await run(heading, `export const running = ${expression}`, beside)) as {
    running: Server
  }
  onTestFinished(() => void server.close())
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  return (server.address() as AddressInfo).port
}

/** Imports an example as the module that it is; the block before it is another module, where `beside` names that. */
async function run(heading: string, last = '', beside?: string): Promise<unknown> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const section = readme.slice(readme.search(new RegExp(`^#+ ${heading}$`, 'm')))
  const blocks = [...section.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]!)
  const dir = await mkdtemp(join(import.meta.dirname, 'readme-')) // Here, where the hosts are installed.
  onTestFinished(() => rm(dir, { recursive: true }))
  const code = blocks[beside === undefined ? 0 : 1]!
  if (beside !== undefined) await writeFile(join(dir, beside), blocks[0]!)
  const file = join(dir, 'example.mjs')
  await writeFile(file, `${code.replace('3000', '0')}\n${last}\n`)
  return await import(file)
}
