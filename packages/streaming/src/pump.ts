import { ByteBlock, PASS_THROUGH_BYTES, toBytes } from './byte-block.ts'
import { Deadlines } from './deadlines.ts'
import { publish, startTrace, type StreamTrace } from './diagnostics.ts'
import { unwatchEnd, watchEnd } from './ending.ts'
import { show, streamError } from './errors.ts'
import { Gate, refused } from './gate.ts'
import type { ResponseHead } from './head.ts'
import { startHeartbeat, stopHeartbeat, type Beating } from './heartbeat.ts'
import type { ItemEncoder, ResolvedOptions } from './options.ts'
import { runAfter, type Outcome, type StreamEnd } from './outcome.ts'
import type { OpenedStream } from './response.ts'
import { afterMicrotasks, nextTurn, READY, TURN_MS, whenSettled } from './scheduler.ts'
import type { Exchange, LossListener, StreamSink } from './sink.ts'
import { releaseSource, toItemIterator, type ItemIterator, type StreamItem } from './source.ts'
import { byteLength } from './text.ts'
import { Turn } from './turn.ts'
import { stopWaiting, waitFor, type Waiter } from './wait.ts'
import { isWriterSource, StreamWriter, type WriterSource } from './writer.ts'

// A frame leaves at this size. The first is small, so that a source that never pauses is seen at once; from 32 Ki
// characters on, the cost of a frame no longer shows per item.
const FIRST_FRAME = 512
const LARGEST_FRAME = 32 * 1024
const FRAME_GROWTH = 4

// A pump works this much, then the loop gets its turn. Reading the clock costs as much as several items, so it is read at
// items 1, 2, 4 … of a turn, then every 512: as long as items cost alike, a turn is twice its time at most.
const TURN_BYTES = 1024 * 1024
const LARGEST_CLOCK_STEP = 512
const FLUSH_CLOCK_STEP = 16

/** A producer that ignores the promises of its writes gets an error here, instead of all the memory of the process. */
const MAX_UNAWAITED_BYTES = 16 * 1024 * 1024

/** A source that was told to return may take this long to clean up; then the end is reported without it. */
const RELEASE_MS = 5_000

// What a pump is at, a bit each: a field each would be half of an idle stream. `take-over.ts` looks at some.
/** No more items are taken: the source is through, or the stream is broken. */
const CLOSED = 1 << 0
/** The source was asked for its iterator, or its writer was called. */
const STARTED = 1 << 1
/** The source was told to return; that happens once. */
const RELEASED = 1 << 2
/** The client may have seen the head: something was written, or the head is eager. */
export const COMMITTED = 1 << 3
/** Items are encoded; without it, they go out as they are. */
export const ENCODES = 1 << 4
/** The stack is inside `pull()`: a generator that is running cannot be told to return. */
const PULLING = 1 << 5
/** The source has promised a result. */
export const AWAITS_RESULT = 1 << 6
/** The source has promised the item of a result. */
const AWAITS_ITEM = 1 << 7
/** Not to be pulled: the peer is behind, or this turn is over. */
export const HELD = 1 << 8
const QUIET_SCHEDULED = 1 << 9
/** A frame was full before: the next may be large from the start. */
const GROWN = 1 << 10
// Heartbeat ticks since something was written.
const QUIET_FOR_ONE = 1 << 11
const QUIET_FOR_TWO = 1 << 12

type Result = IteratorResult<unknown, unknown>
type Broken = Exclude<Outcome, 'completed'>

/** What most streams never need. */
class Extras {
  deadlines: Deadlines | undefined
  trace: StreamTrace | undefined
  gate: Gate | undefined
  end: StreamEnd | undefined
  /** What a declared Content-Length leaves; `undefined` without one. */
  bytesLeft: number | undefined
  /** Written while the peer was behind. */
  bytesAhead = 0
  waitStart = 0
}

/** Of all that need none. */
const NO_EXTRAS = new Extras()

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
export class Pump implements LossListener, Beating, Waiter {
  // Without `private` stands what `take-over.ts` needs.
  readonly sink: StreamSink
  // What is left of the response, which itself is let go of: an open stream may be idle for hours.
  readonly options: ResolvedOptions
  readonly encoder: ItemEncoder<never> | undefined
  /** As it was given, until it is started; then its iterator; nothing when that is through. */
  source: unknown
  private state: number
  /** How many were taken. */
  private items = 0

  /** While it works. */
  private turn: Turn | undefined
  /** Its own, once it needs any. */
  extras = NO_EXTRAS
  /** @internal */
  reactions: Waiter['reactions']
  /** @internal */
  beatPlace = 0

  constructor(
    readonly exchange: Exchange,
    { encoder, options, source }: OpenedStream,
    head: ResponseHead,
  ) {
    this.options = options
    this.encoder = encoder
    this.source = source
    this.state = (encoder?.encode === undefined ? 0 : ENCODES) | (options.head === 'eager' ? COMMITTED : 0)
    if (head.contentLength !== undefined) this.rarely().bytesLeft = head.contentLength
    this.sink = exchange.respond(head)
  }

  start(status: number): void {
    const { options, source } = this
    const { request } = this.exchange
    const trace = startTrace(request, status)
    if (trace !== undefined) this.rarely().trace = trace
    this.sink.onLost(this)
    if (this.closed) return
    if (Deadlines.runFromStart(options.deadlines)) this.makeDeadlines().start()
    if (options.heartbeat !== undefined) startHeartbeat(options.heartbeat.intervalMs, this)
    if (this.is(COMMITTED)) this.scheduleQuiet() // The head leaves with what the source has at once, and alone otherwise.
    this.set(STARTED)
    this.source = undefined
    try {
      const lead = this.encoder?.lead?.()
      if (lead !== undefined) this.append(lead)
      if (isWriterSource(source)) return this.runWriter(source)
      const iterator = toItemIterator(source, request)
      this.source = iterator
      if (iterator.encoded === true && this.encoder?.takesFrames === true) this.unset(ENCODES)
      iterator.attach?.(this)
      if (this.sink.takeOver?.file(this, source) === true) return
    } catch (error) {
      return this.break('source-error', error)
    }
    this.pullNow()
  }

  /** Ends the stream early; without effect on one that has ended. */
  stop(outcome: 'shutdown' | 'timeout' | 'source-error', reason: unknown): void {
    if (outcome === 'shutdown') this.sayFarewell(outcome, reason)
    else this.break(outcome, reason)
  }

  /** @internal */
  get copiesShared(): boolean {
    return !this.is(ENCODES) && this.sink.copiesShared === true
  }

  /** @internal */
  peerLost(): void {
    this.break('client-abort', undefined)
  }

  // ── pulling ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The clock of the turn runs from here, and not from the first item on. */
  private pullNow(): void {
    this.work().start = performance.now()
    this.pull()
  }

  /** Pulls until the source makes us wait, the peer is behind, the turn is over, or the stream is closed. */
  private pull(): void {
    const iterator = this.source as ItemIterator
    const { items } = this
    const encodes = this.is(ENCODES)
    this.set(PULLING)
    try {
      while (this.takeResult(encodes ? iterator.next() : this.takeText(iterator))) {
        // One item each time.
      }
    } catch (error) {
      this.source = undefined // It threw, so it is through.
      this.break('source-error', error)
    }
    this.unset(PULLING)
    if (this.end !== undefined) this.release()
    else if (this.items !== items) this.extras.deadlines?.itemCame()
  }

  /**
   * Takes plain text as long as nothing else is to be done than to add it to the frame, and gives back the first result
   * that needs more. Half of what the pump adds to an item is saved by keeping this loop so small (`bench/pump.mjs`).
   */
  private takeText(iterator: ItemIterator): Result | PromiseLike<Result> {
    let result = iterator.next() as Result
    const turn = this.work()
    if (turn.block !== undefined) return result
    let { text } = turn
    let { items } = this
    const { frameLimit, clockItem } = turn
    try {
      while (typeof result.value === 'string' && result.done === false) {
        if (text.length + result.value.length >= frameLimit || items + 1 >= clockItem) break
        text += result.value
        items++
        result = iterator.next() as Result
      }
    } finally {
      turn.text = text // Also when next() throws: what came before is still sent.
      this.items = items
    }
    return result
  }

  /** Takes what `next()` gave. `true` when the source may be asked again. */
  private takeResult(result: Result | PromiseLike<Result>): boolean {
    if ((result as Result).done === undefined && isThenable(result)) {
      this.awaitSource(result, AWAITS_RESULT)
      return false
    }
    if (this.closed) return false // The source itself ended the stream, inside next().
    const { done, value } = result as Result
    if (done === true) {
      this.source = undefined
      this.complete()
      return false
    }
    if (typeof value !== 'string' && isThenable(value)) {
      this.awaitSource(value, AWAITS_ITEM)
      return false
    }
    this.takeItem(value)
    return !this.is(HELD | CLOSED)
  }

  private takeItem(value: unknown): void {
    this.items++
    const turn = this.work()
    if (typeof value === 'string' && !this.is(ENCODES) && turn.block === undefined) {
      turn.text += value
    } else {
      try {
        this.append(this.is(ENCODES) ? this.encoder!.encode!(value as never) : value)
      } catch (error) {
        this.items-- // It was not taken.
        return this.break('source-error', error)
      }
    }
    if (turn.text.length >= turn.frameLimit) this.frameFull()
    if (this.items >= turn.clockItem) this.readClock()
  }

  private awaitSource(promise: PromiseLike<unknown>, awaited: number): void {
    this.set(awaited)
    const { extras } = this
    if (extras.trace !== undefined) extras.waitStart = performance.now()
    waitFor(promise, this)
    this.flushWhenQuiet()
  }

  /** @internal */
  answered(answer: unknown): void {
    const result = this.is(AWAITS_ITEM) ? { done: false, value: answer } : (answer as Result)
    this.unset(AWAITS_ITEM | AWAITS_RESULT)
    if (this.closed) return
    const { extras } = this
    if (extras.trace !== undefined) extras.trace.sourceWaitMs += performance.now() - extras.waitStart
    extras.deadlines?.itemCame()
    try {
      if (this.takeResult(result)) this.pull()
    } catch (error) {
      this.break('source-error', error) // next() gave something that is no result.
    }
  }

  /** @internal */
  failed(error: unknown): void {
    this.unset(AWAITS_ITEM | AWAITS_RESULT)
    this.break('source-error', error)
  }

  // ── framing ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds text or bytes to the frame in the making. */
  private append(item: unknown): void {
    if (typeof item === 'string') {
      const turn = this.work()
      if (turn.block !== undefined) this.writeFrame()
      turn.text += item
    } else if (ArrayBuffer.isView(item)) {
      this.appendBytes(toBytes(item))
    } else {
      throw badItem(item, this.items)
    }
  }

  private appendBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return // An empty frame could be taken for the end.
    const turn = this.work()
    if (turn.block?.tryAppend(bytes) === true) return
    if (turn.block !== undefined) this.frameFull()
    else this.writeFrame()
    if (bytes.length >= PASS_THROUGH_BYTES) return this.write(bytes)
    turn.block = new ByteBlock(Math.max(bytes.length, turn.frameLimit), bytes)
  }

  private frameFull(): void {
    this.writeFrame()
    this.set(GROWN)
    const turn = this.work()
    if (turn.frameLimit < LARGEST_FRAME) turn.frameLimit *= FRAME_GROWTH
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
    const { turn } = this
    if (turn === undefined) return undefined
    const { text, block } = turn
    turn.text = ''
    turn.block = undefined
    const frame = block === undefined ? text : block.bytes()
    return frame.length === 0 ? undefined : frame
  }

  private write(frame: string | Uint8Array): void {
    if (this.closed || !this.fitsDeclaredLength(frame)) return
    const { turn, extras } = this
    if (extras.trace !== undefined) traceFrame(extras.trace, frame)
    this.state = (this.state | COMMITTED) & ~(QUIET_FOR_ONE | QUIET_FOR_TWO)
    if (turn !== undefined) turn.bytes += frame.length
    const room = this.sink.write(frame)
    if (this.closed) return // The sink found the peer gone.
    if (this.is(HELD)) this.rarely().bytesAhead += frame.length
    else if (!room) this.awaitPeer(frame.length)
    else if (turn !== undefined && turn.bytes >= TURN_BYTES) this.endTurn()
  }

  /** A frame beyond the declared length breaks the stream; nothing of it is sent. */
  private fitsDeclaredLength(frame: string | Uint8Array): boolean {
    const { extras } = this
    if (extras.bytesLeft === undefined) return true
    extras.bytesLeft -= byteLength(frame)
    if (extras.bytesLeft >= 0) return true
    const message = `The body is at least ${-extras.bytesLeft} bytes longer than its declared Content-Length`
    this.break('source-error', streamError('CZ_STREAM_LENGTH', message))
    return false
  }

  // ── turns and waits ────────────────────────────────────────────────────────────────────────────────────────────────

  private work(): Turn {
    return (this.turn ??= new Turn(this.is(GROWN) ? LARGEST_FRAME : FIRST_FRAME, this.items))
  }

  /** The turn is over, for now or for hours: the next begins with the next item. */
  private rest(): void {
    const { turn } = this
    this.turn = undefined
    if (turn === undefined || turn.isEmpty) return
    const { text, block } = turn // Written while the peer was behind.
    Object.assign(this.work(), { text, block })
  }

  private readClock(): void {
    const turn = this.work()
    const now = performance.now()
    turn.clockItem = this.items + turn.clockStep
    if (turn.clockStep < LARGEST_CLOCK_STEP) turn.clockStep *= 2
    if (turn.start === 0) turn.start = now
    if (now - turn.start < TURN_MS) return
    this.writeFrame()
    if (!this.is(HELD | CLOSED)) this.endTurn()
  }

  /** The budget is spent: the loop gets its turn, and the client what there is. */
  private endTurn(): void {
    this.set(HELD)
    this.sink.flush()
    nextTurn(resume, this)
  }

  private awaitPeer(bytes: number): void {
    this.set(HELD)
    this.makeDeadlines().peerBehind(bytes)
    const since = performance.now()
    const { trace } = this.rarely()
    if (trace !== undefined) traceStall(trace)
    this.sink.drained().then(
      () => {
        this.extras.deadlines?.peerCaughtUp()
        if (trace !== undefined) traceResume(trace, since)
        // A reader as fast as the source drains us within this very turn: without a new one, nobody else would get theirs.
        nextTurn(resume, this)
      },
      (error: unknown) => this.break('source-error', error), // Where the peer is lost, onLost() has ended the stream before.
    )
  }

  /** @internal */
  resume(): void {
    if (this.closed) return
    this.unset(HELD)
    this.rest()
    const { extras } = this
    const { gate } = extras
    extras.bytesAhead = 0
    extras.gate = undefined
    if (gate !== undefined) gate.open()
    else if (this.source !== undefined && !this.is(AWAITS_RESULT | AWAITS_ITEM)) this.pullNow()
  }

  /** While we wait, nothing produced is held: it leaves when the microtasks of this turn have drained. */
  private flushWhenQuiet(): void {
    if (!this.is(QUIET_SCHEDULED) && (this.turn?.isEmpty === false || this.sink.takeOver?.joins(this) === true)) {
      this.scheduleQuiet()
    }
  }

  private scheduleQuiet(): void {
    this.set(QUIET_SCHEDULED)
    if (quietPumps.push(this) === 1) afterMicrotasks(flushQuietPumps, undefined)
  }

  /** @internal */
  quiet(): void {
    this.unset(QUIET_SCHEDULED)
    if (this.closed || !this.commits) return // A lead waits for the first item.
    this.writeFrame()
    this.sink.flush()
    if (this.is(HELD | CLOSED)) return
    this.rest()
    if (this.sink.takeOver?.join(this) !== true) this.exchange.rests?.()
  }

  /** A sign of life is due when nothing was written for an interval: for two ticks, and the one in which that began. @internal */
  beat(): void {
    if (!this.is(QUIET_FOR_ONE)) return this.set(QUIET_FOR_ONE)
    if (!this.is(QUIET_FOR_TWO)) return this.set(QUIET_FOR_TWO)
    if (this.is(HELD) || !this.commits) return
    this.write(this.options.heartbeat!.frame)
    this.sink.flush()
    this.set(QUIET_FOR_ONE) // It is as old as this tick.
  }

  private makeDeadlines(): Deadlines {
    const { deadlines } = this.options
    return (this.rarely().deadlines ??= new Deadlines(deadlines, (error, limit) => {
      if (limit === 'total') this.sayFarewell('timeout', error)
      else this.break('timeout', error)
    }))
  }

  // ── what it is at ──────────────────────────────────────────────────────────────────────────────────────────────────

  is(any: number): boolean {
    return (this.state & any) !== 0
  }

  set(bits: number): void {
    this.state |= bits
  }

  private unset(bits: number): void {
    this.state &= ~bits
  }

  get closed(): boolean {
    return this.is(CLOSED)
  }

  /** Whether the head may leave: it must once an item was taken. */
  private get commits(): boolean {
    return this.is(COMMITTED) || this.items > 0
  }

  /** Once the outcome is decided. */
  private get end(): StreamEnd | undefined {
    return this.extras.end
  }

  rarely(): Extras {
    if (this.extras === NO_EXTRAS) this.extras = new Extras()
    return this.extras
  }

  // ── a source that pushes ───────────────────────────────────────────────────────────────────────────────────────────

  private runWriter({ produce }: WriterSource): void {
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
      this.extras.deadlines?.itemCame()
      this.items++
      this.append(item)
      this.set(COMMITTED)
      const turn = this.work()
      if (turn.text.length >= turn.frameLimit) this.frameFull()
      if (this.items >= turn.clockItem && !this.is(HELD)) this.readClock()
    } catch (error) {
      this.items-- // It was not taken.
      this.break('source-error', error) // Whoever does not await the write must not end a body well that lacks it.
      return refused(error as Error)
    }
    this.flushWhenQuiet()
    const { bytesAhead } = this.extras
    if (bytesAhead > MAX_UNAWAITED_BYTES) {
      const message = `${bytesAhead} bytes were written ahead of the client; await write() to keep its pace`
      this.break('source-error', streamError('CZ_WRITER_AHEAD', message))
    }
    return this.whenReady()
  }

  pushFlush(): Promise<void> {
    if (this.closed) return refused(this.closedError())
    this.set(COMMITTED)
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
    return this.is(HELD) ? (this.rarely().gate ??= new Gate()).passed : READY
  }

  private closedError(): Error {
    const { end } = this
    if (end !== undefined && end.outcome !== 'completed') return abortedError(end)
    return streamError('CZ_STREAM_CLOSED', 'The stream is closed; write before close()')
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The source is through: its last frame and the end leave together. */
  complete(): void {
    if (this.closed) return
    try {
      const tail = this.encoder?.tail?.()
      if (tail !== undefined) this.append(tail)
    } catch (error) {
      return this.break('source-error', error)
    }
    const last = this.takeFrame()
    if (this.closed || (last !== undefined && !this.fitsDeclaredLength(last))) return
    const { extras } = this
    if (extras.bytesLeft !== undefined && extras.bytesLeft > 0) {
      if (last !== undefined) this.writeLast(last)
      const message = `The body is ${extras.bytesLeft} bytes shorter than its declared Content-Length`
      return this.break('source-error', streamError('CZ_STREAM_LENGTH', message))
    }
    if (extras.trace !== undefined && last !== undefined) traceFrame(extras.trace, last)
    this.endWell(last, 'completed', undefined)
  }

  /** The body is whole. Where that is not because the source was through, `outcome` says why. */
  private endWell(last: string | Uint8Array | undefined, outcome: Outcome, error: unknown): void {
    this.set(CLOSED | COMMITTED)
    const handedOver = this.sink.end(last)
    this.extras.deadlines?.sourceEnded()
    if (handedOver === undefined) return this.finish(outcome, error)
    watchEnd(this)
    handedOver.then(
      () => this.endArrived(outcome, error),
      () => this.endArrived('client-abort', undefined),
    )
  }

  private endArrived(outcome: Outcome, error: unknown): void {
    unwatchEnd(this)
    this.finish(outcome, error)
  }

  /** Ends the stream before its source does, but well, where the format has words for that; otherwise it breaks off. */
  private sayFarewell(outcome: 'shutdown' | 'timeout', reason: unknown): void {
    const { encoder } = this
    if (this.closed || !this.commits || encoder?.farewell === undefined || this.extras.bytesLeft !== undefined) {
      return this.break(outcome, reason)
    }
    try {
      this.append(encoder.farewell() ?? '')
    } catch (error) {
      return this.break('source-error', error)
    }
    this.exchange.abortSignal(reason) // The source need not wait until the client has taken the rest.
    this.endWell(this.takeFrame(), outcome, reason)
  }

  /** What is still on its way is bounded by the peer's deadline: the source has done its part. @internal */
  expectEnd(): void {
    if (this.end === undefined) this.makeDeadlines().peerBehind(0)
  }

  /** The stream ends early. After the first item the body breaks off, behind what was produced before a source failed. */
  break(outcome: Broken, error: unknown): void {
    if (this.end !== undefined) return
    const last = outcome === 'source-error' && !this.closed ? this.takeFrame() : undefined
    this.set(this.commits ? CLOSED | COMMITTED : CLOSED)
    this.takeFrame() // Nothing more is to leave.
    const committed = this.is(COMMITTED)
    if (committed && last !== undefined && byteLength(last) <= (this.extras.bytesLeft ?? Infinity)) this.writeLast(last)
    if (committed || this.sink.lost) this.sink.abort(error)
    this.finish(outcome, error)
  }

  private writeLast(frame: string | Uint8Array): void {
    this.set(COMMITTED)
    const { trace } = this.extras
    if (trace !== undefined) traceFrame(trace, frame)
    this.sink.write(frame)
  }

  private finish(outcome: Outcome, error: unknown): void {
    if (this.end !== undefined) return
    const extras = this.rarely()
    const end = { outcome, error, committed: this.is(COMMITTED) }
    extras.end = end
    extras.deadlines?.clear()
    const { heartbeat } = this.options
    if (heartbeat !== undefined) stopHeartbeat(heartbeat.intervalMs, this)
    stopWaiting(this)
    if (outcome !== 'completed') {
      const reason = abortedError(end)
      this.exchange.abortSignal(reason)
      extras.gate?.refuse(reason)
    }
    if (!this.is(PULLING)) this.release()
  }

  /** Tells the source that nobody listens any more, and waits (not for ever) for its clean-up before the end is reported. */
  private release(): void {
    const { source, end } = this
    if (this.is(RELEASED) || end === undefined) return
    this.set(RELEASED)
    this.source = undefined
    try {
      const returned = this.is(STARTED)
        ? (source as ItemIterator | undefined)?.return?.()
        : releaseSource(source, this.exchange.request)
      if (isThenable(returned)) return whenSettled(returned, RELEASE_MS, () => this.report(end))
    } catch {
      // A clean-up that throws: the stream has its outcome already, and the client has seen it.
    }
    this.report(end)
  }

  private report(end: StreamEnd): void {
    const { trace } = this.extras
    if (trace !== undefined) traceEnd(trace, end)
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
  return streamError('CZ_STREAM_ITEM', `Item ${count} of the stream is of type ${typeof item}: ${show(item)}; ${cure}`)
}

function abortedError({ outcome, error }: StreamEnd): Error {
  if (outcome === 'timeout' || outcome === 'shutdown') return error as Error
  return streamError('CZ_STREAM_ABORTED', `The stream ended early: ${outcome}`, error)
}

function traceFrame(trace: StreamTrace, frame: string | Uint8Array): void {
  traceBytes(trace, byteLength(frame))
}

/** @internal */
export function traceBytes(trace: StreamTrace, bytes: number): void {
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
