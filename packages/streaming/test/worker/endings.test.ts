// Every way to end, at every stage, with rings open: no crash, no hang, no shared memory that stays. Each program ends by itself.
// CATZILLA_REPETITIONS says how often; `npm run test:matrix -- --only rings` does it 100 times under ASan, on the native engine too.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { testModule } from '../../../../tooling/shared/test-build.mjs'

const REPETITIONS = process.env['CATZILLA_REPETITIONS'] ?? '2'
const TIMEOUT_MS = Number(REPETITIONS) * 5_000 + 60_000
const WAYS = ['client-loss', 'server-close', 'pool-close', 'producer-termination', 'worker-termination', 'process.exit']
const STAGES = ['starting', 'empty', 'flowing', 'full', 'busy']

// The native engine as it is built, where that is asked for.
const built = join(import.meta.dirname, '../../../catzilla/dist/index.js')
const ENGINES = process.env['CATZILLA_TEST_BUILT'] === '1' && existsSync(built) ? ['', pathToFileURL(built).href] : ['']

function run(
  way: string,
  stage: string,
  repetitions: string,
  engine: string,
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL('../fixtures/programs/rings-open.mjs', import.meta.url))
  const modules = [testModule('worker'), testModule('node'), testModule('index')]
  const args = ['--expose-gc', program, ...modules, way, stage, repetitions, engine]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout: stdout.trim(), stderr })
    })
  })
}

for (const engine of ENGINES) {
  for (const way of WAYS) {
    test(
      `${way} with rings open${engine === '' ? '' : ' on the native engine'}, at every stage, ends well`,
      async () => {
        for (const stage of STAGES) {
          if (way === 'process.exit') {
            for (let i = 0; i < Number(REPETITIONS); i++) {
              expect({ stage, ...(await run(way, stage, '1', engine)) }).toMatchObject({ stage, code: 7, stderr: '' })
            }
            continue
          }
          const outcome = { stage, ...(await run(way, stage, REPETITIONS, engine)) }
          expect(outcome).toMatchObject({ stage, code: 0, stderr: '' })
          const left = Number(/^ended (\d+) KiB$/.exec(outcome.stdout)?.[1])
          // Each repetition has had rings of 256 KiB.
          expect(left).toBeLessThan(8 * 1024)
        }
      },
      TIMEOUT_MS * STAGES.length,
    )
  }
}
