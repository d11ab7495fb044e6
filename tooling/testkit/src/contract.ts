import { afterAll, describe, test } from 'vitest'
import { broadcast } from './contract/broadcast.ts'
import { cleanUp } from './contract/clean-up.ts'
import { connections } from './contract/connections.ts'
import { deadlines } from './contract/deadlines.ts'
import { diagnostics } from './contract/diagnostics.ts'
import { ends } from './contract/ends.ts'
import { eventStreams } from './contract/event-streams.ts'
import { fairness } from './contract/fairness.ts'
import { files } from './contract/files.ts'
import { formats } from './contract/formats.ts'
import { halfClose } from './contract/half-close.ts'
import { heads } from './contract/heads.ts'
import { incremental } from './contract/incremental.ts'
import { heavy, pull } from './contract/pull.ts'
import { relaying } from './contract/relay.ts'
import { sources } from './contract/sources.ts'
import { Stage, type Chapter, type ContractCase, type StreamHost } from './contract/chapter.ts'
import { closeWorkers, workers } from './contract/workers.ts'
import { writer } from './contract/writer.ts'
import { belongings } from './leaks.ts'
import { Scope } from './scope.ts'
import { until } from './waits.ts'

export { EVERYTHING, RoutedResponse } from './contract/chapter.ts'
export type { Capabilities, Capability, Route, Routes, RunningHost, StreamHost } from './contract/chapter.ts'

/** Cases that only wait: they run side by side. */
const TOGETHER: readonly Chapter[] = [
  sources,
  incremental,
  pull,
  ends,
  cleanUp,
  heads,
  connections,
  halfClose,
  deadlines,
  diagnostics,
  writer,
  broadcast,
  eventStreams,
  files,
  relaying,
  workers,
  formats,
]

/** Cases that keep the processor busy or measure memory: one after another. */
const ALONE: readonly Chapter[] = [fairness, heavy]

/** The case of a name, for hosts that run routes in another thread: see {@link Scope}. */
export function contractCase(name: string): ContractCase | undefined {
  const named = [...TOGETHER, ...ALONE].flatMap((chapter) => chapter.cases.map((each) => ({ chapter, each })))
  return named.find(({ chapter, each }) => nameOf(chapter, each) === name)?.each
}

/**
 * Proves "The stream contract" (all ten points) on a host, over real sockets. A case that needs what the host declares not
 * to have passes under a name that says so; the declaration is the host's, with its reason.
 */
export function describeStreamContract(name: string, host: StreamHost): void {
  describe(`stream contract on ${name}`, () => {
    const before = belongings()

    describe.concurrent('side by side', () => {
      for (const chapter of TOGETHER) describeChapter(chapter, host)
    })
    describe('one by one', () => {
      for (const chapter of ALONE) describeChapter(chapter, host)
    })

    afterAll(async () => {
      await closeWorkers()
      await until(() => belongings().sockets === before.sockets, 'all sockets should be closed again')
      for (const handle of ['TCPSocketWrap', 'TCPServerWrap']) {
        await until(() => belongings().handles[handle] === before.handles[handle], `no ${handle} should be left`)
      }
    })
  })
}

function describeChapter(chapter: Chapter, host: StreamHost): void {
  describe(chapter.title, () => {
    for (const each of chapter.cases) {
      const lack = lackOf(chapter, each, host)
      if (lack === undefined) test(each.title, () => play(each, host, new Scope(nameOf(chapter, each))))
      else test(`${each.title} [not on this host: ${lack}]`, ({ task }) => void Object.assign(task.meta, { lack }))
    }
  })
}

function lackOf(chapter: Chapter, each: ContractCase, { can, cannot }: StreamHost): string | undefined {
  const capability = each.needs === undefined ? true : can[each.needs]
  return capability === true ? cannot?.(chapter.title, each.title) : capability
}

function nameOf(chapter: Chapter, each: ContractCase): string {
  return `${chapter.title}: ${each.title}`
}

async function play(each: ContractCase, host: StreamHost, scope: Scope): Promise<void> {
  const stage = new Stage((routes) => host.start(routes, scope))
  try {
    await scope.run(() => each.run(stage))
  } catch (error) {
    await stage.clear().catch(() => {}) // The first failure is the one to show.
    throw error
  }
  await stage.clear()
}
