export { createWorkerPool } from './worker/pool.ts'
export type { WorkerPool, WorkerPoolOptions, WorkerPoolStats } from './worker/pool.ts'
export { fromWorker } from './worker/from-worker.ts'
export type { WorkerCall, WorkerSource, WorkerSourceOptions } from './worker/from-worker.ts'
