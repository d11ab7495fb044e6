import { afterEach, expect, test, vi } from 'vitest'
import type { Logger } from '@catzilla/server'
import { until, within } from '@catzilla/testkit'
import { nativeReserver } from '../../src/transport/native-reservation.ts'
import { Supervisor, type SupervisorOptions } from '../../src/workers/supervisor.ts'
import { silent } from '../suite/silent.ts'
import { bundled } from './bundled.ts'

const QUICK = { firstMs: 4, mostMs: 16, calmMs: 10_000, attempts: 4 }

const running: Supervisor[] = []
const argv = process.argv.slice()

afterEach(async () => {
  process.argv = argv.slice()
  for (const supervisor of running.splice(0)) await supervisor.close(0)
})

async function supervise(options: Partial<SupervisorOptions> = {}) {
  const reservation = (await nativeReserver()({ host: '127.0.0.1', port: 0 }))!
  const { host, port, transport } = reservation
  const logger = { ...silent, error: vi.fn<Logger['error']>() }
  const supervisor = new Supervisor({
    count: 2,
    module: await bundled('short-lived'),
    resourceLimits: undefined,
    address: { host, port, transport, url: `http://${host}:${port}` },
    reservation,
    logger,
    restarts: QUICK,
    onCloseWanted: () => {},
    ...options,
  })
  running.push(supervisor)
  await supervisor.start()
  return { supervisor, logger, url: `http://${host}:${port}` }
}

/** What is thrown out of every call, instead of ending the process. */
function uncaught(): Promise<unknown> {
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  return new Promise((resolve) => {
    process.once('uncaughtException', (error) => {
      for (const listener of listeners) process.on('uncaughtException', listener)
      resolve(error)
    })
  })
}

test('a worker that crashes again and again is given up, and the others go on', async () => {
  process.argv = ['node', 'test', 'first-lives']
  const { logger, url, supervisor } = await supervise()
  await until(() => logger.error.mock.calls.length === QUICK.attempts, 'it should be given up')
  expect(logger.error.mock.calls.map(([message]) => message)).toEqual([
    ...Array.from({ length: QUICK.attempts - 1 }, () => 'worker %d crashed, and starts again in %d ms:'),
    '%s',
  ])
  expect(logger.error.mock.lastCall?.[2]).toMatchObject({
    code: 'CZ_WORKER_CRASHED',
    message: 'Worker 1 has crashed 4 times in a row and is given up',
    cause: { message: 'short-lived' },
  })
  expect(await (await fetch(url, { headers: { connection: 'close' } })).text()).toBe('here')
  const { workers, restarts } = await supervisor.stats()
  expect([workers.length, restarts]).toEqual([1, QUICK.attempts - 1])
})

test('when no worker is left, the error is thrown, so that the process ends', async () => {
  const thrown = uncaught()
  await supervise()
  expect(await within(thrown, 'an uncaught error')).toMatchObject({ code: 'CZ_WORKER_CRASHED' })
})

test('a worker that has served well for long enough is not counted as crashing in a row', async () => {
  const { logger } = await supervise({ restarts: { ...QUICK, calmMs: 1 } })
  await until(() => logger.error.mock.calls.length > 2 * QUICK.attempts, 'it should go on being started')
  expect(logger.error.mock.calls.every(([message]) => message !== '%s')).toBe(true)
})
