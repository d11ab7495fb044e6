// The C++ of the engine without Node: its unit tests under sanitizers, and a short run of its fuzz targets.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import type { TestContext } from 'vitest'

const SKIPPED = 77
const FUZZ_SECONDS = 10

/** The first run compiles for about a minute on two quiet cores. */
const TIMEOUT_MS = 600_000

async function runScript(name: string, args: string[], context: TestContext): Promise<void> {
  const script = fileURLToPath(new URL(`../scripts/${name}`, import.meta.url))
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: context.signal,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      // Progress of the compiler, for whoever waits.
      process.stderr.write(text)
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === SKIPPED && !process.env['CI']) context.skip(output.trim())
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${output}`)
}

test(
  'the unit tests pass under the address and undefined-behaviour sanitizers, with SIMD and without',
  async (context) => {
    await runScript('native-test.mjs', [], context)
  },
  TIMEOUT_MS,
)

test(
  'the fuzz targets find nothing in a short run',
  async (context) => {
    await runScript('native-fuzz.mjs', [String(FUZZ_SECONDS)], context)
  },
  TIMEOUT_MS,
)
