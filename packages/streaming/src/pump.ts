import { ByteBlock, PASS_THROUGH_BYTES, toBytes } from './byte-block.ts'
import { Deadlines } from './deadlines.ts'
import { publish, startTrace, type StreamTrace } from './diagnostics.ts'
import { unwatchEnd, watchEnd } from './ending.ts'
import { show, streamError } from './errors.ts'
import { FILE, isFileSource, type FileRange, type FileSource } from './file.ts'
import { Gate, refused } from './gate.ts'
import type { ResponseHead } from './head.ts'
import { startHeartbeat, stopHeartbeat } from './heartbeat.ts'
import type { ItemEncoder, ResolvedOptions } from './options.ts'
import { runAfter, type Outcome, type StreamEnd } from './outcome.ts'
import type { OpenedStream } from './response.ts'
import { afterMicrotasks, nextTurn, TURN_MS, whenSettled } from './scheduler.ts'
import type { Exchange, LossListener, StreamSink } from './sink.ts'
import { releaseSource, toItemIterator, type ItemIterator, type StreamItem } from './source.ts'
import { byteLength } from './text.ts'
import { isWriterSource, StreamWriter, type WriterSource } from './writer.ts'

// A frame leaves at this size. The first is small, so that a source that never pauses is seen at once; from 32 Ki
// characters on, the cost of a frame no longer shows per item.
const FIRST_FRAME = 2 * 1024
const LARGEST_FRAME = 32 * 1024
const FRAME_GROWTH = 4

// A pump works this much, then the loop gets its turn. Reading the clock costs as much as several items, so it is read at
// items 1, 2, 4 … of a turn, then every 128.
const TURN_BYTES = 1024 * 1024
const LARGEST_CLOCK_STEP = 128
const FLUSH_CLOCK_STEP = 16

/** A producer that ignores the promises of its writes gets an error here, instead of all the memory of the process. */
const MAX_UNAWAITED_BYTES = 16 * 1024 * 1024

/** A source that was told to return may take this long to clean up; then the end is reported without it. */
const RELEASE_MS = 5_000

const READY = Promise.resolve()

type Result = IteratorResult<unknown, unknown>
type Broken = Exclude<Outcome, 'completed'>

/**
 * Moves a source into a sink: the one place where that is done, whatever the host.
 *
 * It pulls items, encodes them and joins them into frames. A frame leaves when the microtasks of this turn have drained, at
 * the size limit, and when the turn's budget is spent. The source is never pulled while the peer is behind. The waits for
 * the source, for the peer and for the loop's turn, and their race with the loss of the peer and with deadlines, meet here
 * and nowhere else.
 *
 * ```
 *             ┌────────── next() gave a promise ─────────┐
 *   start ─▶ pull ── frame full ─▶ write ── room ─▶ pull ┴─▶ … done ─▶ end ─▶ completed
 *                                    └ no room, or turn over ─▶ held ─▶ resume ─▶ pull
 *   any of these ── peer lost, source failed, deadline, shutdown ─▶ break off ─▶ source returned ─▶ that outcome
 * ```
 *
 * @internal
 */
export class Pump implements LossListener {
  private readonly sink: StreamSink
  // What is left of the response, which itself is let go of: an open stream may be idle for hours.
  private readonly options: ResolvedOptions
  private readonly encoder: ItemEncoder<never> | undefined
  /** Without it, items go out as they are. */
  private readonly encodes: boolean
  /** Until it is started. */
  private source: unknown
  private iterator: ItemIterator | undefined

  // The frame in the making: text, or bytes once an item was bytes; never both.
  private text = ''
  private block: ByteBlock | undefined
  private frameLimit = FIRST_FRAME

  // This turn's work, and the item at which to look at the clock next.
  private items = 0
  private clockItem = 1
  private clockStep = 1
  private turnStart = 0
  private turnBytes = 0

  /** No more items are taken: the source is through, or the stream is broken. */
  closed = false
  /** The source was asked for its iterator, or its writer was called. */
  private started = false
  /** The source was told to return; that happens once. */
  private released = false
  /** The client may have seen the head: something was written, or the head is eager. */
  private committed: boolean
  /** The stack is inside `pull()`: a generator that is running cannot be told to return. */
  private pulling = false
  /** What the source has promised: a result, or the item of a result. */
  private awaited: 'result' | 'item' | undefined
  /** Not to be pulled: the peer is behind, or this turn is over. */
  private held = false
  private quietScheduled = false
  /** Heartbeat ticks since something was written. */
  private quietTicks = 0
  /** Once the outcome is decided. */
  private end: StreamEnd | undefined

  /** What a declared Content-Length leaves; `undefined` without one. */
  private bytesLeft: number | undefined
  private bytesAhead = 0
  private waitStart = 0

  // Most streams need none of these.
  private deadlines: Deadlines | undefined
  private trace: StreamTrace | undefined
  private gate: Gate | undefined
  private onAnswer: ((answer: unknown) => void) | undefined
  private onFailure: ((error: unknown) => void) | undefined

  constructor(
    private readonly exchange: Exchange,
    { encoder, options, source }: OpenedStream,
    head: ResponseHead,
  ) {
    this.options = options
    this.encoder = encoder
    this.encodes = encoder?.encode !== undefined
    this.source = source
    this.committed = options.head === 'eager'
    this.bytesLeft = head.contentLength
    this.sink = exchange.respond(head)
  }

  start(status: number): void {
    const { options, source } = this
    const { request } = this.exchange
    this.trace = startTrace(request, status)
    this.sink.onLost(this)
    if (this.closed) return
    if (Deadlines.runFromStart(options.deadlines)) this.makeDeadlines().start()
    if (options.heartbeat !== undefined) startHeartbeat(options.heartbeat.intervalMs, this)
    if (this.committed) this.scheduleQuiet() // The head leaves with what the source has at once, and alone otherwise.
    this.started = true
    this.source = undefined
    try {
      const lead = this.encoder?.lead?.()
      if (lead !== undefined) this.append(lead)
      if (isWriterSource(source)) return this.runWriter(source)
      this.iterator = toItemIterator(source, request)
      this.iterator.attach?.(this)
      if (this.canSendFile(source)) return this.sendFile(source[FILE])
    } catch (error) {
      return this.break('source-error', error)
    }
    this.newTurn(performance.now())
    this.pull()
  }

  /** Ends the stream early; without effect on one that has ended. */
  stop(outcome: 'shutdown' | 'timeout' | 'source-error', reason: unknown): void {
    this.break(outcome, reason)
  }

  /** @internal */
  peerLost(): void {
    this.break('client-abort', undefined)
  }

  // ── pulling ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Pulls until the source makes us wait, the peer is behind, the turn is over, or the stream is closed. */
  private pull(): void {
    const iterator = this.iterator!
    const { items } = this
    this.pulling = true
    try {
      while (this.takeResult(this.encodes ? iterator.next() : this.takeText(iterator))) {
        // One item each time.
      }
    } catch (error) {
      this.iterator = undefined // It threw, so it is through.
      this.break('source-error', error)
    }
    this.pulling = false
    if (this.end !== undefined) this.release()
    else if (this.items !== items) this.deadlines?.itemCame()
  }

  /**
   * Takes plain text as long as nothing else is to be done than to add it to the frame, and gives back the first result
   * that needs more. Half of what the pump adds to an item is saved by keeping this loop so small (`bench/pump.mjs`).
   */
  private takeText(iterator: ItemIterator): Result | PromiseLike<Result> {
    let result = iterator.next() as Result
    if (this.block !== undefined) return result
    let { text, items } = this
    const { frameLimit, clockItem } = this
    try {
      while (typeof result.value === 'string' && result.done === false) {
        if (text.length + result.value.length >= frameLimit || items + 1 >= clockItem) break
        text += result.value
        items++
        result = iterator.next() as Result
      }
    } finally {
      this.text = text // Also when next() throws: what came before is still sent.
      this.items = items
    }
    return result
  }

  /** Takes what `next()` gave. `true` when the source may be asked again. */
  private takeResult(result: Result | PromiseLike<Result>): boolean {
    if ((result as Result).done === undefined && isThenable(result)) {
      this.awaitSource(result, 'result')
      return false
    }
    if (this.closed) return false // The source itself ended the stream, inside next().
    const { done, value } = result as Result
    if (done === true) {
      this.iterator = undefined
      this.complete()
      return false
    }
    if (typeof value !== 'string' && isThenable(value)) {
      this.awaitSource(value, 'item')
      return false
    }
    this.takeItem(value)
    return !this.held && !this.closed
  }

  private takeItem(value: unknown): void {
    this.items++
    if (typeof value === 'string' && !this.encodes && this.block === undefined) {
      this.text += value
    } else {
      try {
        this.append(this.encodes ? this.encoder!.encode!(value as never) : value)
      } catch (error) {
        this.items-- // It was not taken.
        return this.break('source-error', error)
      }
    }
    if (this.text.length >= this.frameLimit) this.frameFull()
    if (this.items >= this.clockItem) this.readClock()
  }

  private awaitSource(promise: PromiseLike<unknown>, awaited: 'result' | 'item'): void {
    this.awaited = awaited
    if (this.trace !== undefined) this.waitStart = performance.now()
    // Bound, and not closures: those need a context beside them, in each call and for as long as the stream waits.
    this.onAnswer ??= this.sourceAnswered.bind(this)
    this.onFailure ??= this.sourceFailed.bind(this)
    promise.then(this.onAnswer, this.onFailure)
    this.flushWhenQuiet()
  }

  private sourceAnswered(answer: unknown): void {
    const result = this.awaited === 'item' ? { done: false, value: answer } : (answer as Result)
    this.awaited = undefined
    if (this.closed) return
    if (this.trace !== undefined) this.trace.sourceWaitMs += performance.now() - this.waitStart
    this.deadlines?.itemCame()
    try {
      if (this.takeResult(result)) this.pull()
    } catch (error) {
      this.break('source-error', error) // next() gave something that is no result.
    }
  }

  private sourceFailed(error: unknown): void {
    this.awaited = undefined
    this.break('source-error', error)
  }

  // ── framing ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds text or bytes to the frame in the making. */
  private append(item: unknown): void {
    if (typeof item === 'string') {
      if (this.block !== undefined) this.writeFrame()
      this.text += item
    } else if (ArrayBuffer.isView(item)) {
      this.appendBytes(toBytes(item))
    } else {
      throw badItem(item, this.items)
    }
  }

  private appendBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return // An empty frame could be taken for the end.
    if (this.block?.tryAppend(bytes) === true) return
    if (this.block !== undefined) this.frameFull()
    else this.writeFrame()
    if (bytes.length >= PASS_THROUGH_BYTES) return this.write(bytes)
    this.block = new ByteBlock(Math.max(bytes.length, this.frameLimit), bytes)
  }

  private frameFull(): void {
    this.writeFrame()
    if (this.frameLimit < LARGEST_FRAME) this.frameLimit *= FRAME_GROWTH
  }

  private writeFrame(): void {
    const frame = this.takeFrame()
    if (frame !== undefined) this.write(frame)
  }

  /**
   * Never an empty one: some runtimes take that for the end of a body, and Node's HTTP/2 frees the text before an empty chunk
   * while it is still to be sent, and sends what comes to lie in its place.
   */
  private takeFrame(): string | Uint8Array | undefined {
    const { text, block } = this
    this.text = ''
    this.block = undefined
    const frame = block === undefined ? text : block.bytes()
    return frame.length === 0 ? undefined : frame
  }

  private write(frame: string | Uint8Array): void {
    if (this.closed || !this.fitsDeclaredLength(frame)) return
    if (this.trace !== undefined) traceFrame(this.trace, frame)
    this.committed = true
    this.quietTicks = 0
    this.turnBytes += frame.length
    const room = this.sink.write(frame)
    if (this.closed) return // The sink found the peer gone.
    if (this.held) this.bytesAhead += frame.length
    else if (!room) this.awaitPeer(frame.length)
    else if (this.turnBytes >= TURN_BYTES) this.endTurn()
  }

  /** A frame beyond the declared length breaks the stream; nothing of it is sent. */
  private fitsDeclaredLength(frame: string | Uint8Array): boolean {
    if (this.bytesLeft === undefined) return true
    this.bytesLeft -= byteLength(frame)
    if (this.bytesLeft >= 0) return true
    const message = `The body is at least ${-this.bytesLeft} bytes longer than its declared Content-Length`
    this.break('source-error', streamError('CZ_STREAM_LENGTH', message))
    return false
  }

  // ── turns and waits ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Begins a turn. At 0 the first item starts the clock: that is for a source which comes back after a wait. */
  private newTurn(now: number): void {
    this.turnStart = now
    this.turnBytes = 0
    this.clockStep = 1
    this.clockItem = this.items + 1
  }

  private readClock(): void {
    const now = performance.now()
    this.clockItem = this.items + this.clockStep
    if (this.clockStep < LARGEST_CLOCK_STEP) this.clockStep *= 2
    if (this.turnStart === 0) this.turnStart = now
    if (now - this.turnStart < TURN_MS) return
    this.writeFrame()
    if (!this.held && !this.closed) this.endTurn()
  }

  /** The budget is spent: the loop gets its turn, and the client what there is. */
  private endTurn(): void {
    this.held = true
    this.sink.flush()
    nextTurn(resume, this)
  }

  private awaitPeer(bytes: number): void {
    this.held = true
    this.makeDeadlines().peerBehind(bytes)
    const since = performance.now()
    if (this.trace !== undefined) traceStall(this.trace)
    this.sink.drained().then(
      () => {
        this.deadlines?.peerCaughtUp()
        if (this.trace !== undefined) traceResume(this.trace, since)
        // A reader as fast as the source drains us within this very turn: without a new one, nobody else would get theirs.
        nextTurn(resume, this)
      },
      (error: unknown) => this.break('source-error', error), // Where the peer is lost, onLost() has ended the stream before.
    )
  }

  /** @internal */
  resume(): void {
    if (this.closed) return
    this.held = false
    this.bytesAhead = 0
    this.newTurn(performance.now())
    if (this.gate !== undefined) {
      const { gate } = this
      this.gate = undefined
      gate.open()
    } else if (this.iterator !== undefined && this.awaited === undefined) {
      this.pull()
    }
  }

  /** While we wait, nothing produced is held: it leaves when the microtasks of this turn have drained. */
  private flushWhenQuiet(): void {
    if (this.quietScheduled || (this.text === '' && this.block === undefined)) return
    this.scheduleQuiet()
  }

  private scheduleQuiet(): void {
    this.quietScheduled = true
    if (quietPumps.push(this) === 1) afterMicrotasks(flushQuietPumps, undefined)
  }

  /** @internal */
  quiet(): void {
    this.quietScheduled = false
    if (this.closed || !this.commits) return // A lead waits for the first item.
    if (!this.held) this.newTurn(0)
    this.writeFrame()
    this.sink.flush()
  }

  /** A sign of life is due when nothing was written for an interval: for two ticks, and the one in which that began. @internal */
  beat(): void {
    if (++this.quietTicks <= 2 || this.held || !this.commits) return
    this.write(this.options.heartbeat!.frame)
    this.sink.flush()
    this.quietTicks = 1 // It is as old as this tick.
  }

  /** Whether the head may leave: it must once an item was taken. */
  private get commits(): boolean {
    return this.committed || this.items > 0
  }

  private makeDeadlines(): Deadlines {
    return (this.deadlines ??= new Deadlines(this.options.deadlines, (error) => this.break('timeout', error)))
  }

  // ── a file ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A declared length that is another than the file's is left to the usual way, which breaks off where the two part. */
  private canSendFile(source: unknown): source is FileSource {
    if (this.bytesLeft === undefined || this.encoder !== undefined || this.sink.sendFile === undefined) return false
    if (!isFileSource(source)) return false
    const { length } = source[FILE]
    return length > 0 && length === this.bytesLeft
  }

  /** The sink takes it from here; the file stays open until the end of the stream is reported. */
  private sendFile(range: FileRange): void {
    this.held = true
    this.committed = true
    if (this.trace !== undefined) traceBytes(this.trace, range.length)
    this.sink.sendFile!(range).then(
      () => {
        this.bytesLeft = 0
        this.complete()
      },
      (error: unknown) => this.break('source-error', error),
    )
  }

  // ── a source that pushes ───────────────────────────────────────────────────────────────────────────────────────────

  private runWriter({ produce }: WriterSource): void {
    this.newTurn(0)
    const writer = new StreamWriter(this, this.exchange.request)
    const produced = produce(writer, this.exchange.request)
    if (!isThenable(produced)) return writer.returned()
    produced.then(
      () => writer.returned(),
      (error: unknown) => this.break('source-error', error),
    )
  }

  /** Takes an item. The promise settles when there is room for the next, and rejects when the stream breaks before. */
  push(item: StreamItem): Promise<void> {
    if (this.closed) return refused(this.closedError())
    try {
      this.deadlines?.itemCame()
      this.items++
      this.append(item)
      this.committed = true
      if (this.text.length >= this.frameLimit) this.frameFull()
      if (this.items >= this.clockItem && !this.held) this.readClock()
    } catch (error) {
      this.items-- // It was not taken.
      this.break('source-error', error) // Whoever does not await the write must not end a body well that lacks it.
      return refused(error as Error)
    }
    this.flushWhenQuiet()
    if (this.bytesAhead > MAX_UNAWAITED_BYTES) {
      const message = `${this.bytesAhead} bytes were written ahead of the client; await write() to keep its pace`
      this.break('source-error', streamError('CZ_WRITER_AHEAD', message))
    }
    return this.whenReady()
  }

  pushFlush(): Promise<void> {
    if (this.closed) return refused(this.closedError())
    this.committed = true
    this.writeFrame()
    this.sink.flush()
    return this.whenReady()
  }

  pushEnd(): void {
    this.complete()
  }

  pushFailure(error: unknown): void {
    this.break('source-error', error)
  }

  private whenReady(): Promise<void> {
    if (this.closed) return refused(this.closedError())
    return this.held ? (this.gate ??= new Gate()).passed : READY
  }

  private closedError(): Error {
    const { end } = this
    if (end !== undefined && end.outcome !== 'completed') return abortedError(end)
    return streamError('CZ_STREAM_CLOSED', 'The stream is closed; write before close()')
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The source is through: its last frame and the end leave together. */
  private complete(): void {
    if (this.closed) return
    try {
      const tail = this.encoder?.tail?.()
      if (tail !== undefined) this.append(tail)
    } catch (error) {
      return this.break('source-error', error)
    }
    const last = this.takeFrame()
    if (this.closed || (last !== undefined && !this.fitsDeclaredLength(last))) return
    if (this.bytesLeft !== undefined && this.bytesLeft > 0) {
      if (last !== undefined) this.writeLast(last)
      const message = `The body is ${this.bytesLeft} bytes shorter than its declared Content-Length`
      return this.break('source-error', streamError('CZ_STREAM_LENGTH', message))
    }
    if (this.trace !== undefined && last !== undefined) traceFrame(this.trace, last)
    this.closed = true
    this.committed = true
    const handedOver = this.sink.end(last)
    this.deadlines?.sourceEnded()
    if (handedOver === undefined) this.finish('completed', undefined)
    else this.awaitEnd(handedOver)
  }

  private awaitEnd(handedOver: Promise<void>): void {
    watchEnd(this)
    handedOver.then(
      () => this.endArrived('completed'),
      () => this.endArrived('client-abort'),
    )
  }

  private endArrived(outcome: Outcome): void {
    unwatchEnd(this)
    this.finish(outcome, undefined)
  }

  /** What is still on its way is bounded by the peer's deadline: the source has done its part. @internal */
  expectEnd(): void {
    if (this.end === undefined) this.makeDeadlines().peerBehind(0)
  }

  /** The stream ends early. After the first item the body breaks off, behind what was produced before a source failed. */
  private break(outcome: Broken, error: unknown): void {
    if (this.end !== undefined) return
    const last = outcome === 'source-error' && !this.closed ? this.takeFrame() : undefined
    this.closed = true
    this.text = ''
    this.block = undefined
    this.committed = this.commits
    if (this.committed && last !== undefined && byteLength(last) <= (this.bytesLeft ?? Infinity)) this.writeLast(last)
    if (this.committed || this.sink.lost) this.sink.abort(error)
    this.finish(outcome, error)
  }

  private writeLast(frame: string | Uint8Array): void {
    this.committed = true
    if (this.trace !== undefined) traceFrame(this.trace, frame)
    this.sink.write(frame)
  }

  private finish(outcome: Outcome, error: unknown): void {
    if (this.end !== undefined) return
    this.end = { outcome, error, committed: this.committed }
    this.deadlines?.clear()
    const { heartbeat } = this.options
    if (heartbeat !== undefined) stopHeartbeat(heartbeat.intervalMs, this)
    if (outcome !== 'completed') {
      const reason = abortedError(this.end)
      this.exchange.abortSignal(reason)
      this.gate?.refuse(reason)
    }
    if (!this.pulling) this.release()
  }

  /** Tells the source that nobody listens any more, and waits (not for ever) for its clean-up before the end is reported. */
  private release(): void {
    const { iterator, end } = this
    if (this.released || end === undefined) return
    this.released = true
    this.iterator = undefined
    try {
      const returned = this.started ? iterator?.return?.() : releaseSource(this.source, this.exchange.request)
      if (isThenable(returned)) return whenSettled(returned, RELEASE_MS, () => this.report(end))
    } catch {
      // A clean-up that throws: the stream has its outcome already, and the client has seen it.
    }
    this.report(end)
  }

  private report(end: StreamEnd): void {
    if (this.trace !== undefined) traceEnd(this.trace, end)
    this.exchange.ended(end)
    runAfter(this.options.after, end)
  }
}

/** Pumps whose frame leaves when this turn's microtasks have drained: one scheduled call for all of them. */
let quietPumps: Pump[] = []

function flushQuietPumps(): void {
  const pumps = quietPumps
  quietPumps = []
  flushPumps(pumps)
}

/** Thousands can be due at once (a broadcast), and each may be a system call: the loop gets its turn in between. */
function flushPumps(pumps: readonly Pump[]): void {
  let start = 0
  for (let i = 0; i < pumps.length; i++) {
    pumps[i]!.quiet()
    if ((i + 1) % FLUSH_CLOCK_STEP !== 0) continue
    const now = performance.now()
    if (start === 0) start = now
    else if (now - start >= TURN_MS) return nextTurn(flushPumps, pumps.slice(i + 1))
  }
}

function resume(pump: Pump): void {
  pump.resume()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function badItem(item: unknown, count: number): Error {
  const cure = 'yield text or bytes, or give the response an encode() (as jsonl(), csv() and sse() do)'
  return streamError('CZ_STREAM_ITEM', `Item ${count} of the stream is ${kindOf(item)} (${show(item)}); ${cure}`)
}

function kindOf(item: unknown): string {
  return item === null ? 'null' : typeof item === 'object' ? 'an object' : `of type ${typeof item}`
}

function abortedError({ outcome, error }: StreamEnd): Error {
  if (outcome === 'timeout' || outcome === 'shutdown') return error as Error
  return streamError('CZ_STREAM_ABORTED', `The stream ended early: ${outcome}`, error)
}

function traceFrame(trace: StreamTrace, frame: string | Uint8Array): void {
  traceBytes(trace, byteLength(frame))
}

function traceBytes(trace: StreamTrace, bytes: number): void {
  trace.frames++
  trace.bytes += bytes
  if (trace.firstByteAt !== undefined) return
  trace.firstByteAt = performance.now()
  publish('first-byte', trace)
}

function traceStall(trace: StreamTrace): void {
  trace.stalls++
  publish('stall', trace)
}

function traceResume(trace: StreamTrace, since: number): void {
  trace.stallMs += performance.now() - since
  publish('resume', trace)
}

function traceEnd(trace: StreamTrace, end: StreamEnd): void {
  trace.endedAt = performance.now()
  trace.end = end
  publish('end', trace)
}
