// What only a process of its own can show: its end. Each program lies in fixtures/.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const TIMEOUT_MS = 120_000

/** With an instrumented addon, what a program has not freed at its end is an error, too. */
const LEAKS: NodeJS.ProcessEnv =
  process.env['CATZILLA_SANITIZED'] === '1' ? { ASAN_OPTIONS: `${process.env['ASAN_OPTIONS']}:detect_leaks=1` } : {}

interface Program {
  readonly flags?: string[]
  readonly args?: string[]
  readonly env?: NodeJS.ProcessEnv
}

interface Outcome {
  /** A signal's name where the process did not end by itself. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

function run(program: string, { flags = [], args = [], env = LEAKS }: Program = {}): Promise<Outcome> {
  const path = fileURLToPath(new URL(`fixtures/${program}.mjs`, import.meta.url))
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, env: { ...process.env, ...env } }
    execFile(process.execPath, [...flags, path, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 'unknown'), stdout: stdout.trim(), stderr })
    })
  })
}

test(
  'a worker that ends with open streams does not abort the process',
  async () => {
    const outcome = await run('worker-terminate', { args: ['40'] })
    expect(outcome).toMatchObject({ code: 0, stdout: '40 workers ended', stderr: '' })
  },
  TIMEOUT_MS,
)

test(
  'two workers and the main thread have engines of their own',
  async () => {
    expect(await run('two-workers')).toMatchObject({ code: 0, stdout: 'all threads ended by themselves', stderr: '' })
  },
  TIMEOUT_MS,
)

for (const from of ['dispatch', 'timer']) {
  test(
    `process.exit() in the middle of streams, from a ${from}, ends the process with its code`,
    async () => {
      // Node frees nothing of its own when it ends so.
      expect(await run('exit-mid-stream', { args: [from], env: {} })).toMatchObject({ code: 7, stderr: '' })
    },
    TIMEOUT_MS,
  )
}

test(
  'an exception in a handler costs the other requests of its wake nothing',
  async () => {
    expect(await run('uncaught')).toMatchObject({ code: 0, stdout: '40 answered, 40 caught', stderr: '' })
  },
  TIMEOUT_MS,
)

test(
  'the garbage collector takes nothing that the engine still needs',
  async () => {
    const outcome = await run('garbage', { flags: ['--expose-gc'] })
    expect(outcome).toMatchObject({ code: 0, stdout: 'all bodies are whole', stderr: '' })
  },
  TIMEOUT_MS,
)

test.runIf(process.platform === 'linux')(
  'engines that come and go leave nothing',
  async () => {
    const outcome = await run('many-engines', { flags: ['--expose-gc'] })
    expect(outcome).toMatchObject({ code: 0, stdout: 'nothing is left', stderr: '' })
  },
  TIMEOUT_MS,
)

for (const way of ['spare', 'none']) {
  test.runIf(process.platform === 'linux')(
    `a server that runs out of descriptors does not spin, and recovers (kept in reserve: ${way})`,
    async () => {
      expect(await run('few-descriptors', { args: [way] })).toMatchObject({
        code: 0,
        stdout: 'served again',
        stderr: '',
      })
    },
    TIMEOUT_MS,
  )
}

const JEMALLOC = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/libjemalloc.so.2`)
  .find(existsSync)
const sanitized = process.env['CATZILLA_SANITIZED'] === '1' // That has an allocator of its own.

test.skipIf(JEMALLOC === undefined || sanitized)(
  'jemalloc is found where it is preloaded, with its figures (apt-get install -y libjemalloc2)',
  async () => {
    expect(await run('allocator')).toMatchObject({ code: 0, stdout: 'null' })
    const { code, stdout } = await run('allocator', { env: { LD_PRELOAD: JEMALLOC } })
    expect(code).toBe(0)
    const figures = JSON.parse(stdout) as { name: string; allocated: number; active: number; resident: number }
    expect(figures.name).toMatch(/^jemalloc 5\./)
    expect(figures.allocated).toBeGreaterThan(1_000_000)
    expect(figures.active).toBeGreaterThanOrEqual(figures.allocated)
    expect(figures.resident).toBeGreaterThan(figures.active)
  },
)
