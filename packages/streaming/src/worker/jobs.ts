import { parentPort, type MessagePort } from 'node:worker_threads'
import { show, toError } from '../errors.ts'
import { producerError } from './errors.ts'
import type { StreamEnd } from '../outcome.ts'
import { isStreamingResponse, StreamingResponse, type OpenedStream } from '../response.ts'
import { RingBuffer } from '../ring/ring-buffer.ts'
import { sendStream } from '../send.ts'
import { LazySignal } from '../signal.ts'
import type { Exchange, StreamRequest } from '../sink.ts'
import type { StreamSource } from '../source.ts'
import { packError, type FromWorker, type ToWorker } from './messages.ts'
import { RingSink } from './ring-sink.ts'

/**
 * The worker's side: each job is a source that the one pump moves into a ring. They take turns as streams of a server do, and
 * none of them ever blocks the thread: it sleeps in its own loop when all rings are full, and hears messages meanwhile.
 */
export function runJobs(): void {
  const port = parentPort!
  const jobs = new Map<number, Job>()
  port.on('message', (message: ToWorker) => {
    if (message.type === 'cancel') return jobs.get(message.job)?.cancel()
    const job = new Job(message, port, () => jobs.delete(message.job))
    jobs.set(message.job, job)
    void job.run()
  })
}

class Job {
  private readonly sink: RingSink
  private readonly signal = new LazySignal()

  constructor(
    private readonly start: Extract<ToWorker, { type: 'start' }>,
    private readonly port: MessagePort,
    private readonly done: () => void,
  ) {
    const ring = RingBuffer.open(start.memory)
    this.sink = new RingSink(ring.producer(), ring.capacity)
  }

  async run(): Promise<void> {
    try {
      const made = await this.call()
      if (this.sink.lost) return this.release(made)
      sendStream(new JobResponse(made), this.exchange())
    } catch (error) {
      await this.fail(error)
    }
  }

  cancel(): void {
    this.sink.lose()
  }

  private async call(): Promise<unknown> {
    const { module, name, args } = this.start
    const exports = (await import(/* @vite-ignore */ module)) as Record<string, unknown>
    const produce = exports[name]
    if (typeof produce !== 'function') {
      const known = Object.keys(exports).join(', ')
      const message = `${module} exports no function ${show(name)} (it exports ${known === '' ? 'nothing' : known})`
      throw producerError('CZ_PRODUCER_MODULE', message)
    }
    return (produce as (...args: readonly unknown[]) => unknown)(...args)
  }

  private exchange(): Exchange {
    return {
      request: new JobRequest(this.signal),
      respond: () => this.sink,
      abortSignal: (reason) => this.signal.abort(reason),
      ended: (end) => void this.ended(end),
    }
  }

  private async ended({ outcome, error }: StreamEnd): Promise<void> {
    if (outcome === 'completed' || outcome === 'client-abort') this.finish()
    else await this.fail(error)
  }

  /** What was produced before the failure still goes out, if somebody reads it. */
  private async fail(error: unknown): Promise<void> {
    await this.sink.settled()
    this.post({ type: 'failed', job: this.start.job, error: packError(toError(error)) })
    this.sink.fail()
    this.finish()
  }

  private async release(made: unknown): Promise<void> {
    try {
      await (made as { return?(): unknown } | undefined)?.return?.()
    } catch {
      // A clean-up that fails changes nothing: nobody has seen anything of the source.
    }
    this.finish()
  }

  private finish(): void {
    this.done()
    this.post({ type: 'ended', job: this.start.job })
  }

  private post(message: FromWorker): void {
    this.port.postMessage(message)
  }
}

/** What the module's function has made: a source, or a response whose body is wanted (its head is the caller's affair). */
class JobResponse extends StreamingResponse {
  constructor(private readonly made: unknown) {
    super(made as StreamSource<string>)
  }

  override open(request: StreamRequest): OpenedStream {
    const opened = isStreamingResponse(this.made) ? this.made.open(request) : super.open(request)
    const { options } = opened
    // The client is watched where it is seen: here, a full ring says nothing about it.
    return {
      ...opened,
      options: { ...options, deadlines: { ...options.deadlines, stallMs: null, minBytesPerSecond: null } },
    }
  }
}

/** There is no request here: what of it matters is in the arguments. */
class JobRequest implements StreamRequest {
  readonly method = 'GET'
  readonly url = '/'
  readonly headers = { get: () => null }

  constructor(private readonly lazy: LazySignal) {}

  get signal(): AbortSignal {
    return this.lazy.signal
  }
}
