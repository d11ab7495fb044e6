import type { NativeEngine, Release, RequestHead } from '@catzilla/core-native'
import { LazySignal, type FieldList, type ResponseHead, type StreamEnd, type StreamSink } from '@catzilla/streaming'
import { HALF_CLOSED_MS } from '@catzilla/streaming/node'
import { clientGone } from '../errors.ts'
import type { EngineListener } from './engine-listener.ts'
import { encodeFields } from './field-block.ts'
import { NativeAudience, watchAudience } from './native-audience.ts'
import { NativeBody } from './native-body.ts'
import { NativeSink } from './native-sink.ts'
import { RawHeaders } from './raw-headers.ts'
import type { Audience, RequestHeaders, RestingExchange, ServerExchange, TransportRequest } from './transport.ts'

/**
 * One request on the native engine, with its response: a slot, a generation and the head as it came. All else is made when
 * it is read. It is its own request.
 */
export class NativeExchange implements ServerExchange, TransportRequest, EngineListener {
  readonly method: string
  readonly url: string
  lost = false
  private readonly minorVersion: number
  private readonly fields: string
  private rawHeaders: RawHeaders | undefined
  private nativeBody: NativeBody | undefined
  private lazySignal: LazySignal | undefined
  private abortReason: unknown
  private sink: NativeSink | undefined
  private halfClosedTimer: NodeJS.Timeout | undefined
  private peerEnded = false

  constructor(
    readonly engine: NativeEngine,
    private readonly exchanges: (EngineListener | undefined)[],
    readonly slot: number,
    readonly generation: number,
    { method, target, minorVersion, fields }: RequestHead,
  ) {
    this.method = method
    this.url = target
    this.minorVersion = minorVersion
    this.fields = fields
  }

  // ── the request ──

  get request(): TransportRequest {
    return this
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.minorVersion === 0 ? '1.0' : '1.1'
  }

  get headers(): RequestHeaders {
    return (this.rawHeaders ??= new RawHeaders(this.fields))
  }

  get remoteAddress(): string | undefined {
    return this.engine.peer(this.slot, this.generation)
  }

  get body(): NativeBody | undefined {
    if (this.nativeBody === undefined) {
      const length = this.headers.get('content-length')
      const chunked = this.headers.has('transfer-encoding') // Only `chunked` gets past the parser.
      if (!chunked && (length === null || Number(length) === 0)) return undefined
      this.nativeBody = new NativeBody(
        this.engine,
        this.slot,
        this.generation,
        length === null ? undefined : Number(length),
      )
      this.returnFromRest()
    }
    return this.nativeBody
  }

  get signal(): AbortSignal {
    if (this.lazySignal === undefined) {
      this.lazySignal = new LazySignal()
      watchAudience(this.exchanges, this)
      this.returnFromRest()
      if (this.abortReason !== undefined) this.lazySignal.abort(this.abortReason)
    }
    return this.lazySignal.signal
  }

  // ── the response ──

  answer(status: number, fields: FieldList, body: string | Uint8Array | undefined): void {
    const { text, dated } = encodeFields(fields)
    const content = status === 205 ? undefined : body // RFC 9110 §15.3.6: no content.
    this.engine.answer(this.slot, this.generation, status, !dated, text, content)
    this.forget()
  }

  respond(head: ResponseHead): StreamSink {
    clearTimeout(this.halfClosedTimer)
    this.sink = new NativeSink(this.engine, this.slot, this.generation, head, this.exchanges)
    if (this.lost) this.sink.lose()
    else if (this.peerEnded) this.sink.halfClosed()
    return this.sink
  }

  abortSignal(reason: unknown): void {
    this.abortReason ??= reason
    this.lazySignal?.abort(reason)
  }

  ended({ committed }: StreamEnd): void {
    this.sink?.release()
    this.sink = undefined
    if (committed || this.lost) this.forget()
  }

  leaveTo(audience: Audience): boolean {
    if (this.lost || this.lazySignal !== undefined || this.body !== undefined) return false
    this.exchanges[this.slot] = NativeAudience.of(audience, this.engine, this.exchanges)
    this.sink = undefined
    return true
  }

  /** Whoever holds the request still finds all of it here; if nobody does, it is gone. */
  rest(): RestingExchange {
    const { sink, exchanges, slot } = this
    if (sink === undefined || exchanges[slot] !== this) return this
    if (this.lazySignal !== undefined || this.nativeBody !== undefined) return this
    exchanges[slot] = sink
    return sink
  }

  /** Somebody wants to hear of the end of a stream that rests, or of the body of its request. */
  private returnFromRest(): void {
    const { sink, exchanges, slot } = this
    if (sink === undefined) return
    this.abortReason ??= sink.abortReason
    if (exchanges[slot] !== sink) return
    exchanges[slot] = this
    sink.returnTo(this)
  }

  // ── what the engine tells ──

  bodyReadable(): void {
    this.nativeBody?.readable()
  }

  drain(): void {
    this.sink?.drain()
  }

  /** The client sends no more. While it is not answered, that is a client that waits, or one that is gone. */
  halfClosed(): void {
    this.peerEnded = true
    if (this.sink !== undefined) return this.sink.halfClosed()
    this.halfClosedTimer = setTimeout(() => {
      this.engine.abort(this.slot, this.generation)
      this.lose()
    }, HALF_CLOSED_MS)
  }

  released(slot: number, generation: number, why: Release, reason?: unknown): void {
    this.sink?.released(slot, generation, why, reason)
  }

  missed(slot: number, generation: number, count: number): void {
    this.sink?.missed(slot, generation, count)
  }

  /** What was written cannot be sent, and the engine has let go of the connection. */
  fail(): void {
    this.sink?.fail()
  }

  lose(): void {
    if (this.lost) return
    this.lost = true
    this.forget()
    this.nativeBody?.lose()
    this.abortSignal(clientGone())
    this.sink?.lose()
  }

  private forget(): void {
    clearTimeout(this.halfClosedTimer)
    if (this.exchanges[this.slot] === this) this.exchanges[this.slot] = undefined
  }
}
