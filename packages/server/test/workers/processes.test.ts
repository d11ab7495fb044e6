// What only a process of its own can show: that the program is its own module, and how it ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { RawClient, within } from '@catzilla/testkit'
import { bundled } from './bundled.ts'

const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

async function start(): Promise<{ child: ChildProcess; port: number; ended: Promise<unknown[]> }> {
  const child = spawn(process.execPath, [fileURLToPath(await bundled('program'))], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  const ended = once(child, 'exit')
  const [line] = (await within(once(child.stdout, 'data'), 'the program should listen', 10_000)) as [Buffer]
  return { child, port: Number(/\d+/.exec(line.toString())![0]), ended }
}

/** Streams on both workers. */
async function streams(port: number, path: string) {
  const found = new Map<string, Awaited<ReturnType<RawClient['get']>>>()
  while (found.size < 2) {
    const client = await RawClient.connect(port)
    const thread = await (await client.get('/who')).whole()
    if (found.has(thread)) client.leave()
    else found.set(thread, await client.get(path))
  }
  return [...found.values()]
}

test('SIGTERM lets the streams of all workers finish, and then the process ends by itself', async () => {
  const { child, port, ended } = await start()
  const answers = await streams(port, '/held')
  child.kill('SIGTERM')
  for (const answer of answers) expect(await answer.whole()).toBe('begun ended')
  expect(await within(ended, 'the process should end')).toEqual([0, null])
})

test('process.exit() in the middle of the streams of all workers ends the process with its code', async () => {
  const { child, port, ended } = await start()
  const answers = await streams(port, '/endless')
  for (const answer of answers) await answer.receives('more more')
  let stderr = ''
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()))
  child.kill('SIGUSR2')
  expect(await within(ended, 'the process should end')).toEqual([7, null])
  for (const answer of answers) await answer.broken()
  expect(stderr).toBe('')
})
