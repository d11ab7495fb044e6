import type { AppStats, TotalStats } from '../app.ts'
import type { EngineFigures } from '../transport/transport.ts'

/** Adds up what the threads of a server say of themselves. */
export function sumStats(workers: readonly AppStats[], restarts: number): TotalStats {
  const sum = (read: (stats: AppStats) => number) => workers.reduce((total, stats) => total + read(stats), 0)
  const most = (read: (stats: AppStats) => number) => Math.max(0, ...workers.map(read))
  return {
    transport: workers[0]?.transport,
    connections: sum((stats) => stats.connections),
    activeExchanges: sum((stats) => stats.activeExchanges),
    activeStreams: sum((stats) => stats.activeStreams),
    requests: sum((stats) => stats.requests),
    bytesWritten: sum((stats) => stats.bytesWritten),
    engine: sumEngines(workers.flatMap(({ engine }) => (engine === undefined ? [] : [engine]))),
    allocator: workers.find(({ allocator }) => allocator !== undefined)?.allocator, // It is of the whole process.
    loop: {
      utilization: workers.length === 0 ? 0 : sum(({ loop }) => loop.utilization) / workers.length,
      lagMs: {
        p50: most(({ loop }) => loop.lagMs.p50),
        p99: most(({ loop }) => loop.lagMs.p99),
        max: most(({ loop }) => loop.lagMs.max),
      },
    },
    workers,
    restarts,
  }
}

function sumEngines(engines: readonly EngineFigures[]): EngineFigures | undefined {
  const [first] = engines
  if (first === undefined) return undefined
  const sum = (name: Exclude<keyof EngineFigures, 'backend'>) => engines.reduce((total, each) => total + each[name], 0)
  return {
    backend: first.backend,
    stalls: sum('stalls'),
    bufferedBytes: sum('bufferedBytes'),
    bufferedPeak: sum('bufferedPeak'),
    poolBytes: sum('poolBytes'),
    slabBytes: sum('slabBytes'),
    slotBytes: first.slotBytes,
  }
}
