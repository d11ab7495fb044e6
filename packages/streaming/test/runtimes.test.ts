import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { within } from '@catzilla/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The npm packages `bun` and `deno` hold their programs in packages of the platform.
const { platform, arch } = process
const libc = platform === 'linux' ? '-glibc' : ''
const bunArch = arch === 'arm64' ? 'aarch64' : arch
const RUNTIMES: Record<string, readonly string[]> = {
  Bun: [program('bun', `@oven/bun-${platform}-${bunArch}`, 'bin/bun'), 'run', 'bun-server.ts'],
  Deno: [
    program('deno', `@deno/${platform}-${arch}${libc}`, 'deno'),
    'run',
    '--no-config',
    '--allow-all',
    'deno-server.ts',
  ],
}

describe.each(Object.entries(RUNTIMES))('toResponse on %s', (_name, [command, ...args]) => {
  let server: ChildProcess
  let url: string

  beforeAll(async () => {
    const cwd = join(import.meta.dirname, 'fixtures')
    server = spawn(command!, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
    })
    url = await within(listening(server), 'the runtime should listen', 20_000)
  })
  afterAll(() => void server.kill())

  const give = async () => (await fetch(`${url}/give`)).text()
  const held = async (init?: RequestInit) => {
    const response = await fetch(`${url}/held`, init)
    return response.body!.pipeThrough(new TextDecoderStream()).getReader()
  }

  test('each item arrives before the next is made', async () => {
    const reader = await held()
    expect((await reader.read()).value).toBe('first ')
    await give()
    expect((await reader.read()).value).toBe('second ')
    await give()
    expect((await reader.read()).value).toBe('third')
    await give()
    expect((await reader.read()).done).toBe(true)
    expect(await (await fetch(`${url}/outcome`)).text()).toBe('completed')
  })

  test('a client that leaves ends the source', async () => {
    const gone = new AbortController()
    const reader = await held({ signal: gone.signal })
    await reader.read()
    gone.abort()
    expect(await (await fetch(`${url}/outcome`)).text()).toBe('client-abort')
  })

  test('a million items arrive', async () => {
    const response = await fetch(`${url}/million`)
    const text = await response.text()
    expect(text.length).toBe(11_888_890)
    expect(text.endsWith('Data 999999\n')).toBe(true)
  })

  test('an early failure is answered with 500', async () => {
    const response = await fetch(`${url}/early`)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('early')
  })

  test('a late failure breaks the body', async () => {
    const response = await fetch(`${url}/late`)
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  test('HEAD has the head of GET', async () => {
    const response = await fetch(`${url}/million`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  })
})

function program(wrapper: string, holder: string, path: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${wrapper}/package.json`)
  return join(dirname(createRequire(manifest).resolve(`${holder}/package.json`)), path)
}

function listening(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const address = /listening on (\S+)/.exec(output)?.[1]
      if (address !== undefined) resolve(`http://${address}`)
    })
    server.once('error', reject).once('exit', (code) => reject(new Error(`the runtime ended with ${code}: ${output}`)))
  })
}
