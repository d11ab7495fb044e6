import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { within } from './waits.ts'

/**
 * Reads an answer in a thread of its own, as fast as the system gives it, until the connection ends. A reader on the loop under
 * test is never faster than the stream: it reads only when the stream lets it.
 */
export class OutsideReader {
  private constructor(private readonly worker: Worker) {}

  /** Resolves when the answer has begun to arrive. */
  static async read({ port, http2 }: { port: number; http2: boolean }, path: string): Promise<OutsideReader> {
    const worker = new Worker(new URL('outside-reader.mjs', import.meta.url), { workerData: { port, http2, path } })
    await within(once(worker, 'message'), 'an answer to the reader outside')
    return new OutsideReader(worker)
  }

  async stop(): Promise<void> {
    await this.worker.terminate()
  }
}
