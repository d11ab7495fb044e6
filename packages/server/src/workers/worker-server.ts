import type { Address, AppStats, TotalStats } from '../app.ts'
import type { Logger } from '../logger.ts'
import type { Sharing } from '../transport/transport.ts'
import { workerContext, type FromWorker, type ToWorker, type WorkerContext } from './context.ts'
import { TopicLink } from './topic-link.ts'

/** What a worker does with its app. */
export interface ServedApp {
  listen(): Promise<unknown>
  close(graceMs: number): Promise<void>
  stats(): AppStats
}

/** A worker's side of its supervisor: topics first, then the app. */
export class WorkerServer {
  private readonly topics: TopicLink
  private readonly asked = new Map<number, (stats: TotalStats) => void>()
  private lastAsked = 0
  private app: ServedApp | undefined
  private closing: Promise<void> | undefined
  private closed: () => void = () => {}

  /** Before any handler can run, so that the topics of the app's module find it. */
  static ofThisThread(logger: Logger): WorkerServer | undefined {
    const context = workerContext()
    return context && (context.server ??= new WorkerServer(context, logger))
  }

  private constructor(
    private readonly context: WorkerContext,
    logger: Logger,
  ) {
    this.topics = new TopicLink(logger, (messages) => this.post({ type: 'topics', messages }))
    context.port.on('message', (message: ToWorker) => this.heard(message))
  }

  /** Serves the app when all topics of its module have what is kept of them. */
  async serve(app: ServedApp): Promise<void> {
    this.app = app
    try {
      await this.topics.ready()
      await app.listen()
      this.post({ type: 'serving' })
    } catch (error) {
      this.post({ type: 'failed', error })
    }
  }

  /** Where the server is to be found. */
  get address(): Address {
    return this.context.address
  }

  get sharing(): Sharing {
    return this.context.sharing
  }

  /** Asks for the whole server to be closed. Resolves when this worker has nothing left. */
  close(graceMs: number): Promise<void> {
    return (this.closing ??= new Promise((resolve) => {
      this.closed = resolve
      this.post({ type: 'close', graceMs })
    }))
  }

  totalStats(): Promise<TotalStats> {
    const id = ++this.lastAsked
    this.post({ type: 'total-stats', id })
    return new Promise((resolve) => this.asked.set(id, resolve))
  }

  private heard(message: ToWorker): void {
    switch (message.type) {
      case 'topics':
        this.topics.receive(message.messages)
        return this.post({ type: 'taken', bytes: message.bytes })
      case 'stats':
        return this.post({ type: 'stats', id: message.id, stats: this.app!.stats() })
      case 'total-stats':
        this.asked.get(message.id)?.(message.stats)
        this.asked.delete(message.id)
        return
      case 'close':
        return void this.end(message.graceMs)
    }
  }

  /** The thread ends with its server, whatever else the application left open in it. */
  private async end(graceMs: number): Promise<void> {
    await this.app!.close(graceMs)
    this.closed()
    await new Promise(setImmediate) // For what waits for the end.
    this.topics.flush()
    process.exit(0)
  }

  private post(message: FromWorker): void {
    this.context.port.postMessage(message)
  }
}
