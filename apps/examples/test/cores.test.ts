import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readArrivals, until } from './helpers.ts'

let server: ChildProcess
let url: string

beforeAll(async () => {
  const program = fileURLToPath(new URL('../cores/server.mjs', import.meta.url))
  server = spawn(process.execPath, [program], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [text] = (await once(server.stdout!, 'data')) as [Buffer]
  url = /http:\S+/.exec(text.toString())![0]
})
afterAll(() => server.kill('SIGKILL'))

/** On a connection of its own, so that the kernel chooses a worker. */
const get = async (path: string, method = 'GET') =>
  (await fetch(url + path, { method, headers: { connection: 'close' } })).text()

const ticks = async (after: number, last: number) => {
  const { text } = await readArrivals(`${url}/ticks?after=${after}`, {
    headers: { connection: 'close' },
    stopWhen: (seen) => seen.includes(`\n${last}: `) && seen.endsWith('\n'),
  })
  return text.slice(0, text.indexOf('\n', text.indexOf(`\n${last}: `) + 1))
}

test('whichever worker is asked, the ticks are the same; a crash in between changes nothing', async () => {
  for (let i = 0; i < 4; i++) await get('/ticks', 'POST')
  const first = await ticks(0, 3)
  expect(first.split('\n').map((line) => Number.parseInt(line, 10))).toEqual([1, 2, 3])
  for (let i = 0; i < 4; i++) expect(await ticks(0, 3)).toBe(first)
  await get('/crash')
  const restarts = async () => {
    // A connection may still have been given to the one that is going.
    const stats = await get('/stats').catch(() => '{}')
    return (JSON.parse(stats) as { restarts?: number }).restarts
  }
  await until('another worker', async () => (await restarts()) === 1)
  for (let i = 0; i < 4; i++) expect(await ticks(0, 3)).toBe(first)
})

test('SIGTERM ends the program', async () => {
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
