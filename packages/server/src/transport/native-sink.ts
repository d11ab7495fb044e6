import { Release, WriteStatus, type NativeEngine, type Payload } from '@catzilla/core-native'
import type {
  FileRange,
  JoinedStream,
  JoinTerms,
  LossListener,
  MirroredTopic,
  ResponseHead,
  StreamSink,
} from '@catzilla/streaming'
import { QuietWatch, type HalfClosedPeer } from '@catzilla/streaming/node'
import { bufferGone, clientGone, fileCut, streamEnded } from '../errors.ts'
import { encodeFields } from './field-block.ts'
import { failureOf, noticeOf } from './joined.ts'
import { topicsOf } from './native-topics.ts'

/** The body of a response on the native engine. Head, first frame and (where that is known) the end leave in one system call. */
export class NativeSink implements StreamSink, HalfClosedPeer {
  readonly copiesShared = true
  lost = false
  private ended = false
  /** Until it has left. */
  private head: ResponseHead | undefined
  private listener: LossListener | undefined
  private resolveDrained: (() => void) | undefined
  private rejectDrained: ((reason: Error) => void) | undefined
  private quiet: QuietWatch | undefined
  private readonly probeFrame: string | undefined
  /** The kernel sends a file just now. */
  private sendsFile = false
  /** The engine could not send what it was given. */
  private failure: Error | undefined
  /** A topic writes in the pump's place. */
  private joined: { readonly stream: JoinedStream; readonly terms: JoinTerms } | undefined

  constructor(
    private readonly engine: NativeEngine,
    private readonly slot: number,
    private readonly generation: number,
    head: ResponseHead,
  ) {
    this.head = head
    // A probe within a declared length would take the place of content.
    this.probeFrame = head.contentLength === undefined ? head.probe : undefined
  }

  write(frame: string | Uint8Array): boolean {
    if (this.ended) throw streamEnded()
    if (this.lost || this.failure !== undefined) return false
    this.quiet?.progress()
    const { head, engine, slot, generation } = this
    const status = head === undefined ? engine.write(slot, generation, frame) : this.start(head, frame, false)
    if (status === WriteStatus.gone) this.lose()
    return status === WriteStatus.ok
  }

  flush(): void {
    if (this.head === undefined || this.lost || this.ended) return
    if (this.start(this.head, undefined, false) === WriteStatus.gone) this.lose()
  }

  end(last?: string | Uint8Array): Promise<void> | undefined {
    if (this.lost) return this.drained()
    this.ended = true
    const { head, engine, slot, generation } = this
    const status = head === undefined ? engine.finish(slot, generation, last) : this.start(head, last, true)
    if (status === WriteStatus.ok) return undefined
    if (status === WriteStatus.gone) this.lose()
    return this.drained()
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
    this.sendsFile = true
    await this.drained()
    this.sendsFile = false
  }

  join(topic: MirroredTopic, terms: JoinTerms, stream: JoinedStream): boolean {
    const { engine, slot, generation, lost, ended, failure, quiet, head } = this
    // Behind a FIN, this sink watches what is written.
    if (lost || ended || failure !== undefined || quiet !== undefined || head !== undefined || this.blocked)
      return false
    if (topicsOf(engine)?.join(topic, terms, slot, generation) !== true) return false
    this.joined = { stream, terms }
    return true
  }

  abort(): void {
    this.ended = true
    if (!this.lost) this.engine.abort(this.slot, this.generation)
  }

  drained(): Promise<void> {
    if (this.lost) return Promise.reject(clientGone())
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.resolveDrained = resolve
      this.rejectDrained = reject
    })
  }

  onLost(listener: LossListener): void {
    if (this.lost) listener.peerLost()
    else this.listener = listener
  }

  // ── what the exchange tells ──

  released(why: Release, reason: unknown): void {
    if (this.joined === undefined) return
    const { stream, terms } = this.joined
    this.joined = undefined
    if (why === Release.through) return stream.through()
    const { outcome, error } = failureOf(why, terms, reason)
    stream.stop(outcome, error)
  }

  missed(count: number): void {
    if (this.joined === undefined) return
    const { stream, terms } = this.joined
    try {
      this.engine.tellMissed(this.slot, this.generation, noticeOf(terms, count))
    } catch (error) {
      stream.stop('source-error', error)
    }
  }

  drain(): void {
    this.resolveDrained?.()
    this.resolveDrained = this.rejectDrained = undefined
  }

  fail(): void {
    const failure = this.sendsFile ? fileCut() : bufferGone()
    this.failure = failure
    this.release()
    this.rejectDrained?.(failure)
    this.resolveDrained = this.rejectDrained = undefined
  }

  lose(): void {
    if (this.lost) return
    this.lost = true
    this.release()
    this.rejectDrained?.(clientGone())
    this.resolveDrained = this.rejectDrained = undefined
    this.listener?.peerLost()
  }

  halfClosed(): void {
    this.quiet = new QuietWatch(this)
    this.quiet.start()
  }

  /** No timer of this sink fires any more. */
  release(): void {
    this.quiet?.stop()
  }

  // ── what is asked while the client's side is closed ──

  get blocked(): boolean {
    return this.resolveDrained !== undefined
  }

  /** Only behind a head: in front of it, the answer could still be another. */
  probe(): void {
    if (this.probeFrame !== undefined && this.head === undefined && !this.ended) this.write(this.probeFrame)
  }

  giveUp(): void {
    this.engine.abort(this.slot, this.generation)
    this.lose()
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
