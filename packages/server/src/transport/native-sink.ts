import { Release, WriteStatus, type NativeEngine, type Payload } from '@catzilla/core-native'
import type {
  FileRange,
  JoinedStream,
  JoinTerms,
  LossListener,
  MirroredTopic,
  ResponseHead,
  StreamEnd,
  StreamSink,
} from '@catzilla/streaming'
import { type HalfClosedPeer, QuietWatch, takeOver, type TakeOver } from '@catzilla/streaming/node'
import { bufferGone, clientGone, fileCut, streamEnded } from '../errors.ts'
import type { EngineListener } from './engine-listener.ts'
import { encodeFields } from './field-block.ts'
import { failureOf, noticeOf } from './joined.ts'
import { NativeAudience } from './native-audience.ts'
import { topicsOf } from './native-topics.ts'
import type { Audience, RestingExchange } from './transport.ts'

/** What most streams never need. */
class Extras {
  resolveDrained: (() => void) | undefined
  rejectDrained: ((reason: Error) => void) | undefined
  quiet: QuietWatch | undefined
  /** The kernel sends a file just now. */
  sendsFile = false
  /** The engine could not send what it was given. */
  failure: Error | undefined
  abortReason: unknown
  /** A topic writes in the pump's place. */
  joined: { readonly stream: JoinedStream; readonly terms: JoinTerms } | undefined
  /** It has come back from its rest: somebody wants to hear of the end. */
  exchange: RestingExchange | undefined
}

/** Of all that need none. */
const NO_EXTRAS = new Extras()

/**
 * The body of a response on the native engine. Head, first frame and (where that is known) the end leave in one system call.
 * While the stream waits, this is what is left of its exchange.
 */
export class NativeSink implements StreamSink, HalfClosedPeer, EngineListener, RestingExchange {
  readonly copiesShared = true
  lost = false
  /** Its end was written, or it was broken off. */
  private over = false
  /** Until it has left. */
  private head: ResponseHead | undefined
  private listener: LossListener | undefined
  private readonly probeFrame: string | undefined
  /** Its own, once it needs any. */
  private extras = NO_EXTRAS

  constructor(
    private readonly engine: NativeEngine,
    private readonly slot: number,
    readonly generation: number,
    head: ResponseHead,
    private readonly listeners: (EngineListener | undefined)[],
  ) {
    this.head = head
    // A probe within a declared length would take the place of content.
    this.probeFrame = head.contentLength === undefined ? head.probe : undefined
  }

  write(frame: string | Uint8Array): boolean {
    if (this.over) throw streamEnded()
    if (this.lost || this.extras.failure !== undefined) return false
    this.extras.quiet?.progress()
    const { head, engine, slot, generation } = this
    const status = head === undefined ? engine.write(slot, generation, frame) : this.start(head, frame, false)
    if (status === WriteStatus.gone) this.lose()
    return status === WriteStatus.ok
  }

  flush(): void {
    if (this.head === undefined || this.lost || this.over) return
    if (this.start(this.head, undefined, false) === WriteStatus.gone) this.lose()
  }

  end(last?: string | Uint8Array): Promise<void> | undefined {
    if (this.lost) return this.drained()
    this.over = true
    const { head, engine, slot, generation } = this
    const status = head === undefined ? engine.finish(slot, generation, last) : this.start(head, last, true)
    if (status === WriteStatus.ok) return undefined
    if (status === WriteStatus.gone) this.lose()
    return this.drained()
  }

  get takeOver(): TakeOver {
    return takeOver
  }

  get sendFile(): ((file: FileRange) => Promise<void>) | undefined {
    return this.engine.sendsFiles ? this.sendRange : undefined
  }

  private async sendRange({ fd, start, length }: FileRange): Promise<void> {
    this.flush()
    const { engine, slot, generation } = this
    const status = this.lost ? WriteStatus.gone : engine.sendFile(slot, generation, fd, start, length)
    if (status === WriteStatus.ok) return
    if (status === WriteStatus.gone) {
      this.lose()
      throw clientGone()
    }
    const extras = this.rarely()
    extras.sendsFile = true
    await this.drained()
    extras.sendsFile = false
  }

  join(topic: MirroredTopic, terms: JoinTerms, stream: JoinedStream): boolean {
    const { engine, slot, generation, lost, over, head } = this
    const { failure, quiet } = this.extras
    // Behind a FIN, this sink watches what is written.
    if (lost || over || failure !== undefined || quiet !== undefined || head !== undefined || this.blocked) return false
    if (topicsOf(engine)?.join(topic, terms, slot, generation) !== true) return false
    this.rarely().joined = { stream, terms }
    return true
  }

  abort(): void {
    this.over = true
    if (!this.lost) this.engine.abort(this.slot, this.generation)
  }

  drained(): Promise<void> {
    if (this.lost) return Promise.reject(clientGone())
    const extras = this.rarely()
    if (extras.failure !== undefined) return Promise.reject(extras.failure)
    return new Promise((resolve, reject) => {
      extras.resolveDrained = resolve
      extras.rejectDrained = reject
    })
  }

  onLost(listener: LossListener): void {
    if (this.lost) listener.peerLost()
    else this.listener = listener
  }

  // ── what the exchange tells, and the engine while that rests ──

  bodyReadable(): void {}

  released(_slot: number, _generation: number, why: Release, reason?: unknown): void {
    const { joined } = this.extras
    if (joined === undefined) return
    const { stream, terms } = joined
    this.extras.joined = undefined
    if (why === Release.through) return stream.through()
    const { outcome, error } = failureOf(why, terms, reason)
    stream.stop(outcome, error)
  }

  missed(slot: number, generation: number, count: number): void {
    const { joined } = this.extras
    if (joined === undefined) return
    const { stream, terms } = joined
    try {
      this.engine.tellMissed(slot, generation, noticeOf(terms, count))
    } catch (error) {
      stream.stop('source-error', error)
    }
  }

  drain(): void {
    const { extras } = this
    extras.resolveDrained?.()
    extras.resolveDrained = extras.rejectDrained = undefined
  }

  fail(): void {
    const extras = this.rarely()
    const failure = extras.sendsFile ? fileCut() : bufferGone()
    extras.failure = failure
    this.release()
    extras.rejectDrained?.(failure)
    extras.resolveDrained = extras.rejectDrained = undefined
  }

  lose(): void {
    if (this.lost) return
    this.lost = true
    this.forget()
    this.release()
    const { extras } = this
    extras.rejectDrained?.(clientGone())
    extras.resolveDrained = extras.rejectDrained = undefined
    this.listener?.peerLost()
  }

  halfClosed(): void {
    const quiet = new QuietWatch(this)
    this.rarely().quiet = quiet
    quiet.start()
  }

  /** No timer of this sink fires any more. */
  release(): void {
    this.extras.quiet?.stop()
  }

  // ── in the place of the exchange ──

  /** The exchange has come back: it hears of the engine, and of the end. */
  returnTo(exchange: RestingExchange): void {
    this.rarely().exchange = exchange
  }

  get abortReason(): unknown {
    return this.extras.abortReason
  }

  abortSignal(reason: unknown): void {
    const extras = this.rarely()
    extras.abortReason ??= reason
    extras.exchange?.abortSignal(reason)
  }

  leaveTo(audience: Audience): boolean {
    if (this.lost || this.extras.exchange !== undefined) return false
    this.listeners[this.slot] = NativeAudience.of(audience, this.engine, this.listeners)
    return true
  }

  ended(end: StreamEnd): void {
    this.release()
    this.forget()
    this.extras.exchange?.ended(end)
  }

  private forget(): void {
    if (this.listeners[this.slot] === this) this.listeners[this.slot] = undefined
  }

  // ── what is asked while the client's side is closed ──

  get blocked(): boolean {
    return this.extras.resolveDrained !== undefined
  }

  /** Only behind a head: in front of it, the answer could still be another. */
  probe(): void {
    if (this.probeFrame !== undefined && this.head === undefined && !this.over) this.write(this.probeFrame)
  }

  giveUp(): void {
    this.engine.abort(this.slot, this.generation)
    this.lose()
  }

  private rarely(): Extras {
    if (this.extras === NO_EXTRAS) this.extras = new Extras()
    return this.extras
  }

  private start(
    { status, fields, contentLength, highWaterMark }: ResponseHead,
    first: Payload,
    end: boolean,
  ): WriteStatus {
    this.head = undefined
    const { text, dated } = encodeFields(fields)
    const length = contentLength ?? -1
    return this.engine.start(this.slot, this.generation, status, !dated, text, length, highWaterMark, first, end)
  }
}
