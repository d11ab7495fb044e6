import {
  MessageChannel,
  receiveMessageOnPort,
  Worker,
  type MessagePort,
  type ResourceLimits,
} from 'node:worker_threads'
import type { Address, AppStats, TotalStats } from '../app.ts'
import { serverError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Reservation } from '../transport/transport.ts'
import { backOff, type RestartPolicy } from './back-off.ts'
import { BOOT, type BootData, type FromWorker, type ToWorker } from './context.ts'
import { sumStats } from './sum-stats.ts'
import { TopicHub, type Connection } from './topic-hub.ts'

/** What a supervisor needs to know. */
export interface SupervisorOptions {
  readonly count: number
  /** URL of the app's module. */
  readonly module: string
  readonly resourceLimits: ResourceLimits | undefined
  readonly address: Address
  readonly reservation: Reservation
  readonly logger: Logger
  readonly restarts: RestartPolicy
  /** A worker wants the server to close. */
  readonly onCloseWanted: (graceMs: number) => void
}

/** Milliseconds for the module of an app to load, and for its worker to listen. */
const START_MS = 30_000

/** Behind the grace and what a worker takes to stop and cut what is left. */
const END_MS = 1_500

/** Milliseconds for a worker to say its figures. One whose loop stands still is left out. */
const STATS_MS = 2_000

/**
 * The threads that serve one address. It holds the address, starts as many workers as there should be, and again those that
 * crash; it serves nothing itself, so that what happens in an app does not touch it.
 *
 *   starting ─▶ serving ─▶ crashed ─▶ waits ─▶ starting …  ─▶ given up
 */
export class Supervisor {
  private readonly slots: Slot[]
  private readonly hub: TopicHub
  private closed: Promise<void> | undefined
  private restarts = 0
  private lastAsked = 0

  constructor(private readonly options: SupervisorOptions) {
    this.hub = TopicHub.ofThisThread(options.logger)
    this.slots = Array.from({ length: options.count }, (_, index) => new Slot(index))
  }

  /**
   * Starts all workers.
   *
   * @throws (rejects) what the first one that fails says; then none is left.
   */
  async start(): Promise<void> {
    try {
      await Promise.all(this.slots.map((slot) => this.spawn(slot)))
    } catch (error) {
      await this.end(0)
      throw error
    }
  }

  /** Lets every worker finish what runs, for `graceMs`, and resolves when no thread is left. */
  close(graceMs: number): Promise<void> {
    return this.end(graceMs)
  }

  async stats(): Promise<TotalStats> {
    const answers = await Promise.all(this.slots.map((slot) => this.ask(slot)))
    return sumStats(
      answers.filter((stats) => stats !== undefined),
      this.restarts,
    )
  }

  // ── one worker ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when it serves. */
  private spawn(slot: Slot): Promise<void> {
    const { module, resourceLimits, address, reservation } = this.options
    const { port1: port, port2 } = new MessageChannel()
    const data: BootData = {
      module,
      context: { index: slot.index, address, sharing: reservation.sharing, port: port2 },
    }
    const worker = new Worker(BOOT, {
      eval: true,
      name: `catzilla-${slot.index}`,
      argv: process.argv.slice(2),
      workerData: data,
      transferList: [port2],
      ...(resourceLimits && { resourceLimits }),
    })
    const topics = this.hub.connect({
      send: (messages, bytes) => post(port, { type: 'topics', messages, bytes }),
      behind: (bytes) => {
        if (slot.life !== undefined) slot.life.failure ??= new Error(`it has not taken ${bytes} bytes of topics`)
        void worker.terminate()
      },
    })
    return new Promise((resolve, reject) => {
      const life: Life = { worker, port, topics, servingSince: undefined, failure: undefined, asked: new Map() }
      slot.life = life
      const timer = setTimeout(() => {
        life.failure = serverError(
          'CZ_WORKER_CRASHED',
          `Worker ${slot.index} does not serve after ${START_MS / 1000} s`,
        )
        void worker.terminate()
      }, START_MS)
      const hear = (message: FromWorker) => {
        if (message.type === 'serving') {
          clearTimeout(timer)
          life.servingSince = performance.now()
          resolve()
        } else {
          this.heard(slot, life, message)
        }
      }
      port.on('message', hear)
      worker.on('error', (error) => (life.failure = error))
      worker.on('exit', (code) => {
        // What it said last may not have been heard yet.
        for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port)) {
          hear(last.message as FromWorker)
        }
        clearTimeout(timer)
        port.close()
        topics.end()
        for (const answer of life.asked.values()) answer(undefined)
        slot.life = undefined
        const cause = life.failure ?? new Error(`it ended with exit code ${code}`)
        if (life.servingSince === undefined) reject(startError(slot.index, cause))
        slot.gone?.()
        this.ended(slot, life, cause)
      })
    })
  }

  private heard(slot: Slot, life: Life, message: FromWorker): void {
    switch (message.type) {
      case 'topics':
        return life.topics.receive(message.messages)
      case 'taken':
        return life.topics.taken(message.bytes)
      case 'stats':
        return life.asked.get(message.id)?.(message.stats)
      case 'total-stats':
        return void this.stats().then((stats) => post(life.port, { type: 'total-stats', id: message.id, stats }))
      case 'close':
        return this.options.onCloseWanted(message.graceMs)
      case 'no-app':
        life.failure = noApp(this.options.module, message.found)
        return void life.worker.terminate()
      case 'failed':
        life.failure = message.error
        return void life.worker.terminate()
    }
  }

  /** A worker has ended: as it should, or by itself. */
  private ended(slot: Slot, life: Life, cause: unknown): void {
    if (this.closed !== undefined) return
    const { restarts, logger } = this.options
    const served = life.servingSince === undefined ? 0 : performance.now() - life.servingSince
    if (life.servingSince === undefined && slot.crashes === 0) return // The first start: start() tells it.
    if (served >= restarts.calmMs) slot.crashes = 0
    slot.crashes++
    if (slot.crashes >= restarts.attempts) return this.giveUp(slot, cause)
    const ms = Math.round(backOff(slot.crashes, restarts))
    logger.error('worker %d crashed, and starts again in %d ms:', slot.index, ms, cause)
    slot.timer = setTimeout(() => {
      this.restarts++
      this.spawn(slot).catch(() => {}) // Its exit is told as well.
    }, ms)
  }

  /** A server without workers is of no use: then the process should be told, and most likely end. */
  private giveUp(slot: Slot, cause: unknown): void {
    const { logger } = this.options
    const message = `Worker ${slot.index} has crashed ${slot.crashes} times in a row and is given up`
    const error = serverError('CZ_WORKER_CRASHED', message, cause)
    slot.givenUp = true
    logger.error('%s', message, error)
    if (!this.slots.every(({ givenUp }) => givenUp)) return
    this.options.reservation.release()
    process.nextTick(() => {
      throw error
    })
  }

  // ── figures ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private ask({ life }: Slot): Promise<AppStats | undefined> {
    if (life?.servingSince === undefined) return Promise.resolve(undefined)
    const id = ++this.lastAsked
    post(life.port, { type: 'stats', id })
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(undefined), STATS_MS)
      const answer = (stats: AppStats | undefined) => {
        clearTimeout(timer)
        life.asked.delete(id)
        resolve(stats)
      }
      life.asked.set(id, answer)
    })
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private end(graceMs: number): Promise<void> {
    return (this.closed ??= this.endAll(graceMs))
  }

  private async endAll(graceMs: number): Promise<void> {
    this.options.reservation.release()
    await Promise.all(
      this.slots.map(async (slot) => {
        clearTimeout(slot.timer)
        const { life } = slot
        if (life === undefined) return
        const gone = new Promise<void>((resolve) => (slot.gone = resolve))
        if (life.servingSince === undefined) void life.worker.terminate()
        else post(life.port, { type: 'close', graceMs })
        const cut = setTimeout(() => void life.worker.terminate(), graceMs + END_MS)
        await gone
        clearTimeout(cut)
      }),
    )
  }
}

/** The place of one worker, whichever thread is in it. */
class Slot {
  life: Life | undefined
  /** In a row. */
  crashes = 0
  timer: NodeJS.Timeout | undefined
  givenUp = false
  gone: (() => void) | undefined

  constructor(readonly index: number) {}
}

/** One thread. */
interface Life {
  readonly worker: Worker
  readonly port: MessagePort
  readonly topics: Connection
  servingSince: number | undefined
  failure: unknown
  /** Who waits for its figures. */
  readonly asked: Map<number, (stats: AppStats | undefined) => void>
}

function post(port: MessagePort, message: ToWorker): void {
  port.postMessage(message)
}

function noApp(module: string, found: string): Error {
  const exports = found === '' ? 'nothing' : found
  const cure = 'write `export default app` there, or say with `module` where the app is'
  return serverError('CZ_WORKER_MODULE', `${module} does not export an app by default (it exports ${exports}); ${cure}`)
}

/** Errors that say by themselves what is wrong are not wrapped. */
function startError(index: number, cause: unknown): unknown {
  const code = (cause as { code?: unknown } | null)?.code
  if (typeof code === 'string' && (code.startsWith('CZ_') || code.startsWith('EADDR') || code === 'EACCES'))
    return cause
  return serverError('CZ_WORKER_CRASHED', `Worker ${index} did not start`, cause)
}
