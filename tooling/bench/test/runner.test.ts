import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { benchFolder, buildTools, supported, twoCores } from './tools.ts'

const run = promisify(execFile)
const FLAWED = 'test/fixtures/flawed-contestants.mjs'

describe.skipIf(!supported || !twoCores)('runner', () => {
  beforeAll(buildTools, 120_000)

  test('a run of one scenario prints a table with floor, ratios and machine', async () => {
    const contestants = 'floor,bare-generator,node-http-batched'
    const args = ['--scenario', 'items', '--contestants', contestants, '--rounds', '1', '--quick']
    const { stdout } = await run(process.execPath, ['src/run.mjs', ...args], { cwd: benchFolder })
    expect(stdout).toContain(`npm run bench -- --scenario items --contestants ${contestants} --rounds 1 --quick`)
    expect(stdout).toMatch(/\| raw C epoll \(the floor\) \| [\d.]+ \([\d.]+–[\d.]+\) \|/)
    expect(stdout).toMatch(/\| the generator alone, nothing sent \|.*\| 1\.00 × \|/)
    expect(stdout).toMatch(/\| node:http, batched by hand \|.*\| 1\.00 × \|$/m)
    expect(stdout).not.toContain(benchFolder)
  }, 60_000)

  test.each([
    ['hello-fields', 'floor,node-http', /node:http \| [\d.]+ \(/],
    ['first-byte-fresh', 'floor,node-http-batched', /the floor\) \| [\d.]+ \(/],
    ['items-writer', 'bare-generator,floor', /the generator alone, nothing sent \|.*\| 1\.00 × \|/],
    ['buffers', 'floor,node-http', /node:http \| \d\.\d+ \(.*\| 0\.\d+ × \|/],
    ['file', 'floor,node-http', /node:http \| \d\.\d+ \(.*\| 0\.\d+ × \| – \| 1\.00 × \|/],
    ['broadcast-burst', 'floor,catzilla-node', /on node:http \| [\d.]+ \(.*\| 0 \| [\d.]+ × \|/],
    ['stalled', 'floor,node-http-batched', /batched by hand \| -?[\d.]+ \(.*\| [\d,]+ \(/],
    ['items-worker', 'floor,node-http-worker', /by hand \| [\d.]+ \(.*\| 1\.00 × \|/],
    ['busy-worker', 'node-http-worker', /by hand \| [\d,]+ \(/],
    ['idle', 'floor,bare-async', /async generators alone, no server \| 4,000 \| [2-9]\d\d \(/],
  ])(
    '%s measures what answers rightly',
    async (scenario, contestants, expected) => {
      const args = ['--scenario', scenario, '--contestants', contestants, '--rounds', '1', '--quick']
      const { stdout } = await run(process.execPath, ['src/run.mjs', ...args], { cwd: benchFolder })
      expect(stdout).toMatch(expected)
      expect(stdout).not.toMatch(/answered wrongly|failed:/)
    },
    60_000,
  )

  test('a figure beside its bar says whether it was met', async () => {
    const args = ['--scenario', 'stalled', '--contestants', 'floor,catzilla-node', '--rounds', '1', '--quick']
    const { stdout } = await run(process.execPath, ['src/run.mjs', ...args], { cwd: benchFolder })
    expect(stdout).toContain('| Stalled readers | server memory < 8 MiB | – | not measured |')
    expect(stdout).toContain('- server memory < 8 MiB: –, not measured')
  }, 60_000)

  test('contestants that go wrong stay in the table with the reason, and the others are measured', async () => {
    const { stdout } = await run(process.execPath, [FLAWED, '0.2'], { cwd: benchFolder })
    expect(stdout).toMatch(/\| floor \| [\d.]+ \(/)
    expect(stdout).toContain('- throws at start did not load: TypeError: no binary for this machine')
    expect(stdout).toContain('- ends at once did not load: the server ended with status 0')
    expect(stdout).toContain('- lies answered wrongly: /hello answers "Hello, Moon!!"')
    expect(stdout).toContain('- dies under load failed: RangeError: out of slots')
  }, 60_000)

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'a runner that is ended by %s leaves no server behind',
    async (signal) => {
      const runner = spawn(process.execPath, [FLAWED, '20'], { cwd: benchFolder, stdio: ['ignore', 'ignore', 'pipe'] })
      const pids: string[] = []
      for await (const text of runner.stderr) {
        pids.push(...[...String(text).matchAll(/pid (\d+)/g)].map((match) => match[1]!))
        if (pids.length === 3) break
      }
      expect(pids.every(lives)).toBe(true)
      runner.kill(signal)
      for (let i = 0; i < 100 && pids.some(lives); i++) await sleep(50)
      expect(pids.filter(lives)).toEqual([])
    },
    60_000,
  )
})

function lives(pid: string) {
  return existsSync(`/proc/${pid}`)
}
