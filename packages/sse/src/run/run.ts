import type { StreamingResponse } from '@catzilla/streaming'
import { replaceFields } from '@catzilla/streaming/format'
import { Channel } from '../channel/channel.ts'
import type { SseItem } from '../encode.ts'
import { sseError } from '../errors.ts'
import { unref, type Timer } from '../timer.ts'
import { resolveRunOptions, type ResolvedRunOptions, type RunOptions, type RunSettings } from './options.ts'
import type { PartSource } from './wire-response.ts'
import type { WireEnd } from './wire.ts'

/** What a producer gets to know. */
export interface RunContext {
  readonly id: string
  /** Fires when somebody stops the run; never because a viewer left. */
  readonly signal: AbortSignal
}

/** Stores of one run that may be on their way to the bus. */
const STORES_AHEAD = 64

/**
 * Starts a run: a producer that outlives the connection that asked for it, as the answer of a language model should.
 *
 * Who views it, now or later, here or on another machine, gets all of it from the start, or from the id that it saw last, and then what
 * comes. It goes on when all have left, until it is through or somebody stops it.
 *
 * @example
 * ```ts
 * app.post('/chat', (req) => createRun(({ signal }) => answer(req, signal), { id: chatId(req), wire: uiMessageWire() }).view())
 * app.get('/chat/:id/stream', async ({ params }) => (await openRun(params.id, { wire: uiMessageWire() }))?.view() ?? null)
 * app.delete('/chat/:id', async ({ params }) => void (await openRun(params.id))?.stop())
 * ```
 * @throws `CZ_SSE_OPTION`, `CZ_SSE_RETRY_RANGE`
 */
export function createRun<Part = SseItem>(
  produce: (context: RunContext) => PartSource<Part>,
  options: RunOptions<Part> = {},
): Run {
  const resolved = resolveRunOptions(options)
  const view = new RunView(resolved)
  return new Run(view, resolved, produce as Produce)
}

/**
 * Finds a run, on whichever machine it runs.
 *
 * @returns `undefined` where there is none of this id, or none any more.
 * @throws `CZ_SSE_OPTION`; what the bus fails with
 */
export async function openRun<Part = SseItem>(
  id: string,
  settings: RunSettings<Part> = {},
): Promise<RunView | undefined> {
  const options = resolveRunOptions({ ...settings, id })
  if (!(await options.bus.exists(options.log))) return undefined
  const view = new RunView(options)
  view.watch()
  return view
}

type Produce = (context: RunContext) => PartSource<never>

/** A run as those see it who did not start it. */
export class RunView {
  readonly id: string
  /** Resolves with its outcome; rejects with `CZ_SSE_RUN_LOST` when its process is gone. */
  readonly whenEnded: Promise<WireEnd['outcome']>
  /** @internal */
  readonly channel: Channel
  /** @internal */
  onStop: () => void = () => {}
  private resolveEnd!: (outcome: WireEnd['outcome']) => void
  private rejectEnd!: (error: unknown) => void
  private watching: Timer | undefined
  private outcome: WireEnd['outcome'] | undefined

  /** @internal */
  constructor(private readonly options: ResolvedRunOptions<never>) {
    this.id = options.id
    this.whenEnded = new Promise((resolve, reject) => {
      this.resolveEnd = resolve
      this.rejectEnd = reject
    })
    this.whenEnded.catch(() => {}) // Nobody needs to ask.
    this.channel = new Channel(options.channel, this)
    this.channel.start()
  }

  /** A response with all of the run, or what is behind the id that the client saw last. */
  view(): StreamingResponse<string | Uint8Array> {
    const { wire, channel } = this.options
    const headers = replaceFields(wire.headers ?? {}, channel.face.headers)
    return this.channel.subscribe({ from: 'start', headers })
  }

  /** Stops the producer, wherever it runs. Resolves when the bus has the word; viewers get what there is, and the end. */
  async stop(): Promise<void> {
    await this.channel.whenReady
    if (this.outcome === undefined) await this.channel.control('stop')
  }

  /** Lets go of the run here; it goes on where it runs. */
  close(): void {
    clearInterval(this.watching)
    this.channel.close()
  }

  /** A process that died cannot say that its run has ended. @internal */
  watch(): void {
    const { bus, log, leaseMs } = this.options
    const look = async () => {
      if (this.outcome === undefined && !(await bus.exists(log))) this.lost()
    }
    this.watching = setInterval(() => void look().catch(() => {}), leaseMs / 2) // The channel tells that the bus is away.
    unref(this.watching)
    let viewers = 0
    this.channel.on('join', () => viewers++)
    this.channel.on('leave', () => --viewers === 0 && this.close())
    const unseen = setTimeout(() => viewers === 0 && this.close(), leaseMs)
    unref(unseen)
  }

  /** @internal */
  control(word: string): void {
    if (word === 'stop') return this.onStop()
    if (!word.startsWith('end ')) return
    this.outcome = word.slice('end '.length) as WireEnd['outcome']
    clearInterval(this.watching)
    this.resolveEnd(this.outcome)
    this.channel.close({ final: true })
  }

  private lost(): void {
    const error = sseError('CZ_SSE_RUN_LOST', `The run ${this.id} has ended without a word; its process is gone`)
    clearInterval(this.watching)
    this.rejectEnd(error)
    this.channel.fail(error)
  }
}

/** A run, where it runs; made by {@link createRun}. */
export class Run {
  readonly id: string
  /** Resolves when others find it by its id: at once within a process. */
  readonly whenStarted: Promise<unknown>
  /** Resolves with how it ended, when all of it is stored. */
  readonly whenEnded: Promise<WireEnd>
  private readonly stopping = new AbortController()
  private readonly unstored: Promise<unknown>[] = []

  /** @internal */
  constructor(
    private readonly seen: RunView,
    private readonly options: ResolvedRunOptions<never>,
    produce: Produce,
  ) {
    this.id = options.id
    seen.onStop = () => this.stopping.abort(sseError('CZ_SSE_RUN_STOPPED', `The run ${this.id} was stopped`))
    this.whenStarted = seen.channel.control('begin')
    this.whenEnded = this.run(produce)
    this.whenEnded.catch(() => {}) // Viewers are told; who awaits it is, too.
  }

  /** A response with all of the run, or what is behind the id that the client saw last. */
  view(): StreamingResponse<string | Uint8Array> {
    return this.seen.view()
  }

  /** Stops the producer. Viewers get what there is, and the end. */
  async stop(): Promise<void> {
    this.seen.onStop()
    await this.whenEnded
  }

  /** How many view it in this process. */
  get viewers(): number {
    return this.seen.channel.size
  }

  private async run(produce: Produce): Promise<WireEnd> {
    const { bus, log, leaseMs, ttlMs, wire, id } = this.options
    const lease = setInterval(() => void bus.expire(log, leaseMs).catch(() => {}), leaseMs / 3) // The next one may reach it.
    unref(lease)
    try {
      await Promise.all([this.whenStarted, this.seen.channel.whenReady])
      const writer = wire.open(id)
      await this.store(writer.start())
      const end = await this.produce(produce, (part) => this.store(writer.part(part)))
      await this.store(writer.end(end))
      await Promise.all(this.unstored)
      await this.seen.channel.control(`end ${end.outcome}`)
      await bus.expire(log, ttlMs)
      return end
    } catch (error) {
      this.seen.channel.fail(error) // The bus refused: nobody can be told more than that it broke off.
      throw error
    } finally {
      clearInterval(lease)
    }
  }

  private async produce(produce: Produce, take: (part: never) => Promise<void>): Promise<WireEnd> {
    const { signal } = this.stopping
    const stopped = new Promise<'stopped'>((resolve) => signal.addEventListener('abort', () => resolve('stopped')))
    if (signal.aborted) return { outcome: 'stopped', error: signal.reason }
    try {
      const iterator = iteratorOf(produce({ id: this.id, signal }))
      for (;;) {
        const result = await Promise.race([iterator.next(), stopped])
        if (result === 'stopped') {
          // It may be inside an await that never ends, so its end is not waited for; what its clean-up throws, nobody can use.
          void Promise.resolve(iterator.return?.()).catch(() => {})
          return { outcome: 'stopped', error: signal.reason }
        }
        if (result.done === true) return { outcome: 'completed', error: undefined }
        await take(result.value)
      }
    } catch (error) {
      return { outcome: signal.aborted ? 'stopped' : 'failed', error }
    }
  }

  /** Stores go on while the producer does, up to a bound. */
  private async store(items: readonly SseItem[]): Promise<void> {
    for (const item of items) {
      const stored = this.seen.channel.publish(item)
      stored.catch(() => {}) // Awaited below, or at the end.
      this.unstored.push(stored)
      if (this.unstored.length > STORES_AHEAD) await this.unstored.shift()
    }
  }
}

function iteratorOf(parts: PartSource<never>): AsyncIterator<never> | Iterator<never> {
  return Symbol.asyncIterator in parts ? parts[Symbol.asyncIterator]() : parts[Symbol.iterator]()
}
