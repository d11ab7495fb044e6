import type { IncomingMessage, ServerResponse } from 'node:http'
import { LazySignal, type FieldList, type ResponseHead, type StreamEnd, type StreamSink } from '@catzilla/streaming'
import { HALF_CLOSED_MS, NodeSink } from '@catzilla/streaming/node'
import { clientGone, serverError } from '../errors.ts'
import { NodeBody } from './node-body.ts'
import type { RequestHeaders, ServerExchange, TransportRequest } from './transport.ts'

/** What is left unread of a body is drained up to this size to save the connection. */
export const DRAIN_BYTES = 256 * 1024

/** What the client waits for before it sends its body (RFC 9110 §10.1.1). */
export type Expectation = 'nothing' | 'continue' | 'unknown'

/** What an exchange needs of the connection that carries it. */
interface Carrier {
  readonly closing: boolean
  readonly bodyTimeoutMs: number
  /** The connection closes behind this answer, and not before the client could read it where bytes of it stay `unread`. */
  closeBehind(res: ServerResponse, unread: boolean): void
  /** The exchange is over; called once. */
  finish(exchange: NodeHttpExchange): void
}

/** One request of `node:http` with its response. */
export class NodeHttpExchange implements ServerExchange, TransportRequest {
  readonly method: string
  readonly url: string
  /** What follows on this connection cannot be understood: it closes behind this answer. */
  last = false
  private nodeHeaders: NodeHeaders | undefined
  private nodeBody: NodeBody | undefined
  private lazySignal: LazySignal | undefined
  private abortReason: unknown
  private sink: NodeSink | undefined
  /** The response was sent or lost, which is not yet the end of a stream: its source may still be cleaning up. */
  private closed = false
  private answered = false
  private continued = false
  private halfClosedTimer: NodeJS.Timeout | undefined

  constructor(
    readonly req: IncomingMessage,
    readonly res: ServerResponse,
    private readonly carrier: Carrier,
    readonly expects: Expectation,
  ) {
    this.method = req.method!
    this.url = req.url!
    res.on('close', () => this.onClose())
  }

  get request(): TransportRequest {
    return this
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.req.httpVersion as '1.0' | '1.1'
  }

  get remoteAddress(): string | undefined {
    return this.req.socket.remoteAddress
  }

  get headers(): RequestHeaders {
    return (this.nodeHeaders ??= new NodeHeaders(this.req))
  }

  get body(): NodeBody | undefined {
    if (!this.hasBody()) return undefined
    return (this.nodeBody ??= new NodeBody(this.req, this.carrier.bodyTimeoutMs, () => this.continue()))
  }

  get signal(): AbortSignal {
    if (this.lazySignal === undefined) {
      this.lazySignal = new LazySignal()
      if (this.abortReason !== undefined) this.lazySignal.abort(this.abortReason)
    }
    return this.lazySignal.signal
  }

  get lost(): boolean {
    return this.res.destroyed
  }

  answer(status: number, fields: FieldList, body: string | Uint8Array | undefined): void {
    const { res } = this
    this.sink?.release()
    this.sink = undefined
    clearTimeout(this.halfClosedTimer)
    if (res.destroyed) return
    this.answered = true
    this.keepUnread()
    const unread = this.last || this.leavesTooMuch()
    if (unread || this.carrier.closing) this.carrier.closeBehind(res, unread)
    const bodiless = status === 204 || status === 304
    const length = bodiless ? undefined : body === undefined || status === 205 ? 0 : Buffer.byteLength(body)
    res.writeHead(status, headLines(fields, length))
    res.end(bodiless || status === 205 || this.method === 'HEAD' ? undefined : body)
  }

  respond(head: ResponseHead): StreamSink {
    clearTimeout(this.halfClosedTimer)
    this.keepUnread()
    if (this.last || this.carrier.closing) this.carrier.closeBehind(this.res, this.last)
    return (this.sink = new NodeSink(this.res, head))
  }

  abortSignal(reason: unknown): void {
    this.abortReason ??= reason
    this.lazySignal?.abort(reason)
  }

  ended(_end: StreamEnd): void {
    this.sink?.release()
    this.sink = undefined
    if (this.closed) queueMicrotask(() => this.carrier.finish(this)) // Behind what is called after this stream.
  }

  /** The client closed its side; a stream watches that for itself. */
  halfClosed(): void {
    if (this.sink !== undefined || this.res.headersSent) return
    this.halfClosedTimer = setTimeout(() => this.req.socket.destroy(), HALF_CLOSED_MS)
  }

  /** The body is no HTTP from here on. */
  bodyBroken(error: Error & { readonly code?: string }): void {
    this.last = true
    if (error.code === 'HPE_INVALID_EOF_STATE') {
      this.body?.fail(serverError('CZ_BODY_ABORTED', 'The client left before its request was complete', error))
    } else {
      this.body?.fail(serverError('CZ_BODY_MALFORMED', 'The body of the request is malformed', error))
    }
  }

  private onClose(): void {
    clearTimeout(this.halfClosedTimer)
    this.closed = true
    if (this.sink !== undefined) return // The stream hears of it by itself, and ends.
    if (!this.answered) this.abortSignal(clientGone())
    this.carrier.finish(this)
  }

  private hasBody(): boolean {
    const { headers } = this.req
    const length = headers['content-length']
    return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined
  }

  private continue(): void {
    this.continued = true
    if (this.expects === 'continue' && !this.res.headersSent) this.res.writeContinue()
  }

  /** Behind the answer Node would read what is left, whatever its size; not once somebody else has begun to read. */
  private keepUnread(): void {
    if (!this.req.complete && this.hasBody()) this.req.read(0)
  }

  /** Whether more of the body is on its way than is worth reading for the sake of the connection. */
  private leavesTooMuch(): boolean {
    if (this.req.complete || !this.hasBody()) return false
    if (this.expects === 'continue' && !this.continued) return true // Nobody knows whether the client will send it now.
    const { body } = this
    return body!.late || (body!.length ?? 0) > DRAIN_BYTES
  }
}

class NodeHeaders implements RequestHeaders {
  constructor(private readonly req: IncomingMessage) {}

  get(name: string): string | null {
    if (!this.has(name)) return null
    const value = this.req.headers[name.toLowerCase()]!
    return typeof value === 'string' ? value : value.join(', ')
  }

  has(name: string): boolean {
    return Object.hasOwn(this.req.headers, name.toLowerCase())
  }

  *entries(): IterableIterator<[string, string]> {
    const { rawHeaders } = this.req
    for (let i = 0; i < rawHeaders.length; i += 2) yield [rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]
  }
}

/** Frozen lists come again, so their flat form is kept. */
const flattened = new WeakMap<FieldList, readonly string[]>()

function headLines(fields: FieldList, length: number | undefined): string[] {
  let flat = flattened.get(fields)
  if (flat === undefined) {
    flat = fields.flat()
    if (Object.isFrozen(fields)) flattened.set(fields, flat)
  }
  return length === undefined ? [...flat] : [...flat, 'content-length', String(length)]
}
