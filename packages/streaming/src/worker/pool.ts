import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { show, streamError } from '../errors.ts'
import { producerError } from './errors.ts'
import { defined, rejectUnknown } from '../option-checks.ts'
import { RingBuffer } from '../ring/ring-buffer.ts'
import { whenSettled } from '../scheduler.ts'
import { unpackError, type FromWorker, type ToWorker } from './messages.ts'
import type { WorkerRun } from './run.ts'
import { THREAD_URL } from './thread-url.ts'

export interface WorkerPoolOptions {
  /**
   * Workers at most; they are started when they are needed.
   * @defaultValue one less than the processor's threads, and at least one
   */
  readonly size?: number
  /**
   * Bytes of each stream's ring, a power of two: what a worker produces ahead of its client.
   * @defaultValue 262144
   */
  readonly ringBytes?: number
}

export interface WorkerPoolStats {
  /** Workers that run now. */
  readonly workers: number
  /** Generators that run in them. */
  readonly streams: number
  /** Bytes of shared memory, that kept for later streams included. */
  readonly ringBytes: number
}

/** Workers that run generators for streams. */
export interface WorkerPool {
  readonly stats: WorkerPoolStats
  /**
   * Ends the pool: no new stream gets a worker, those that run break off, with their `finally` run, and the workers end.
   * Idempotent; resolves when they have ended.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const DEFAULTS: Required<WorkerPoolOptions> = Object.freeze({
  size: Math.max(1, availableParallelism() - 1),
  ringBytes: 256 * 1024,
})

/** Rings that a worker keeps for its next streams. */
const KEPT_RINGS = 8

/** Generators that were told to end may take this long to clean up; then their worker is ended without. */
const CLOSE_MS = 5_000

/**
 * A pool of workers for {@link fromWorker}.
 *
 * @throws {TypeError} `CZ_STREAM_OPTION`
 */
export function createWorkerPool(options: WorkerPoolOptions = {}): WorkerPool {
  rejectUnknown(options, DEFAULTS, (message) => streamError('CZ_STREAM_OPTION', message))
  const resolved = { ...DEFAULTS, ...defined(options) }
  if (!Number.isInteger(resolved.size) || resolved.size < 1) {
    throw streamError('CZ_STREAM_OPTION', `size is a number of workers from 1 on (got ${show(resolved.size)})`)
  }
  RingBuffer.create({ capacity: resolved.ringBytes }) // Refuses what is no capacity, here and not at the first stream.
  return new ThreadPool(resolved)
}

let shared: ThreadPool | undefined

/** @internal */
export function defaultPool(): ThreadPool {
  if (shared === undefined || shared.closed) shared = new ThreadPool(DEFAULTS)
  return shared
}

/** @internal */
export function poolOf(pool: WorkerPool): ThreadPool {
  if (pool instanceof ThreadPool) return pool
  throw streamError('CZ_STREAM_OPTION', `pool is one of createWorkerPool() (got ${show(pool)})`)
}

/** @internal */
export class ThreadPool implements WorkerPool {
  private readonly threads = new Set<PoolThread>()
  private closing: Promise<void> | undefined

  constructor(private readonly options: Required<WorkerPoolOptions>) {}

  get closed(): boolean {
    return this.closing !== undefined
  }

  get stats(): WorkerPoolStats {
    const threads = [...this.threads]
    const sum = (of: (thread: PoolThread) => number) => threads.reduce((total, thread) => total + of(thread), 0)
    return { workers: threads.length, streams: sum(({ load }) => load), ringBytes: sum(({ ringBytes }) => ringBytes) }
  }

  /** The one with the fewest streams; a new one where all have some and there may be more. */
  thread(): PoolThread {
    if (this.closed) throw producerError('CZ_PRODUCER_CLOSED', 'The worker pool is closed')
    let least: PoolThread | undefined
    for (const thread of this.threads) if (least === undefined || thread.load < least.load) least = thread
    if (least !== undefined && (least.load === 0 || this.threads.size >= this.options.size)) return least
    const thread = new PoolThread(this.options.ringBytes, () => this.threads.delete(thread))
    this.threads.add(thread)
    return thread
  }

  close(): Promise<void> {
    return (this.closing ??= Promise.all([...this.threads].map((thread) => thread.close())).then(() => {}))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** What a stream asks of its worker. */
type Call = Omit<Extract<ToWorker, { type: 'start' }>, 'type' | 'job'>

/** One worker, and the streams that it produces. @internal */
export class PoolThread {
  private readonly worker: Worker
  private readonly runs = new Map<number, WorkerRun>()
  private readonly exited: Promise<void>
  private lastJob = 0
  private idle: RingBuffer[] = []
  /** Why it died. */
  private cause: Error | undefined
  private onIdle: (() => void) | undefined

  constructor(
    private readonly capacity: number,
    onExit: () => void,
  ) {
    this.worker = new Worker(THREAD_URL, { name: 'catzilla-producer' })
    this.worker.unref() // Streams hold the process, not workers without one.
    this.worker.on('message', (message: FromWorker) => this.hear(message))
    this.worker.on('error', (error: Error) => (this.cause = error))
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        onExit()
        this.died(code)
        resolve()
      })
    })
  }

  get load(): number {
    return this.runs.size
  }

  get ringBytes(): number {
    return (this.runs.size + this.idle.length) * this.capacity
  }

  takeRing(): RingBuffer {
    return this.idle.pop() ?? RingBuffer.create({ capacity: this.capacity })
  }

  giveRing(memory: SharedArrayBuffer): void {
    if (this.idle.length >= KEPT_RINGS) return
    const ring = RingBuffer.open(memory)
    ring.reset()
    this.idle.push(ring)
  }

  /** @throws {TypeError} `CZ_PRODUCER_ARGS` for arguments that cannot be cloned. */
  start(run: WorkerRun, call: Call): number {
    const job = ++this.lastJob
    try {
      this.post({ type: 'start', job, ...call })
    } catch (cause) {
      const message = 'The arguments for a worker must be such as structured clone takes: no functions, for one'
      throw producerError('CZ_PRODUCER_ARGS', message, cause)
    }
    this.runs.set(job, run)
    if (this.runs.size === 1) this.worker.ref()
    return job
  }

  cancel(job: number): void {
    if (this.runs.has(job)) this.post({ type: 'cancel', job })
  }

  /** Breaks its streams off, lets them clean up for a bounded time, and ends the worker. */
  async close(): Promise<void> {
    const error = producerError('CZ_PRODUCER_CLOSED', 'The worker pool was closed in the middle of this stream')
    for (const run of this.runs.values()) run.breakOff(error)
    if (this.runs.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.onIdle = resolve
      })
      await new Promise<void>((resolve) => whenSettled(idle, CLOSE_MS, resolve))
    }
    await this.worker.terminate()
    await this.exited
  }

  private hear(message: FromWorker): void {
    const run = this.runs.get(message.job)
    if (message.type === 'failed') return run?.workerFailed(unpackError(message.error))
    this.runs.delete(message.job)
    run?.workerEnded()
    if (this.runs.size > 0) return
    this.worker.unref()
    this.onIdle?.()
  }

  private died(code: number): void {
    const runs = [...this.runs.values()]
    this.runs.clear()
    const message = `The worker of this stream has ended with exit code ${code}`
    const error = producerError('CZ_PRODUCER_DIED', message, this.cause)
    for (const run of runs) {
      run.workerFailed(error)
      run.workerEnded()
    }
    this.onIdle?.()
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message)
  }
}
