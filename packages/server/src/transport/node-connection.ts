import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ServerLimits } from '../options.ts'
import { statusText } from '../errors.ts'
import { DRAIN_BYTES, NodeHttpExchange, type Expectation } from './node-exchange.ts'

/** Requests that were sent ahead and parsed, before the connection is not read any more. */
const MAX_QUEUED = 64

/** How long a connection that we have closed is still read, so that a reset does not destroy the answer on its way. */
const LINGER_MS = 2_000

const TEXT = Object.freeze([['content-type', 'text/plain; charset=utf-8']] as const)

/** What a connection needs of its transport. */
interface Owner {
  readonly limits: ServerLimits
  readonly closing: boolean
  start(exchange: NodeHttpExchange): void
}

/**
 * One connection: lets one exchange run at a time, whatever the client sends ahead, and answers an error in its turn.
 *
 * `node:http` starts the handlers of pipelined requests all at once; that loses answers and leaks producers when one of
 * them breaks.
 */
export class NodeConnection {
  private current: NodeHttpExchange | undefined
  private readonly queue: NodeHttpExchange[] = []
  /** The status that answers what could not be parsed, behind all answers before it. */
  private parseFailure: number | undefined
  private lingering = false

  constructor(
    private readonly socket: Socket,
    private readonly owner: Owner,
  ) {
    socket.on('end', () => this.current?.halfClosed())
  }

  get busy(): boolean {
    return this.current !== undefined
  }

  get closing(): boolean {
    return this.owner.closing
  }

  get bodyTimeoutMs(): number {
    return this.owner.limits.bodyTimeoutMs
  }

  get bytesWritten(): number {
    return this.socket.bytesWritten
  }

  request(req: IncomingMessage, res: ServerResponse, expects: Expectation): void {
    if (this.lingering || !this.socket.writable) return // Read only to be thrown away.
    const exchange = new NodeHttpExchange(req, res, this, expects)
    if (this.current === undefined) return this.start(exchange)
    this.queue.push(exchange)
    if (this.queue.length === MAX_QUEUED) this.socket.pause()
  }

  /** What came is no HTTP, or too much of it, or too slow. */
  failed(status: number, error: Error): void {
    if (this.parseFailure !== undefined) return // The parser says so again with each chunk that follows.
    this.parseFailure = status
    const last = this.queue.at(-1) ?? this.current
    if (last === undefined) this.answerFailure()
    else if (!last.req.complete) last.bodyBroken(error)
  }

  closeBehind(res: ServerResponse, unread: boolean): void {
    res.shouldKeepAlive = false
    if (unread) this.socket.destroySoon = () => this.linger() // What Node calls behind the answer.
  }

  finish(exchange: NodeHttpExchange): void {
    if (exchange.last) this.linger()
    if (this.socket.destroyed || this.lingering) this.current = undefined
    else if (exchange.req.complete) this.next()
    else this.drain(exchange.req)
  }

  /** Nothing was taken for a long time. */
  timedOut(): void {
    const idle = this.current === undefined
    const stalled = this.current?.res.writableEnded === true && this.current.res.writableLength > 0
    if (idle || stalled) this.socket.destroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  private start(exchange: NodeHttpExchange): void {
    this.current = exchange
    if (this.socket.readableEnded) exchange.halfClosed()
    const refusal = exchange.expects === 'unknown' ? 417 : refuse(exchange.req, this.owner.limits)
    if (refusal === undefined) return this.owner.start(exchange)
    exchange.last = true
    exchange.answer(refusal, TEXT, statusText(refusal))
  }

  private next(): void {
    this.current = undefined
    const exchange = this.queue.shift()
    if (exchange !== undefined) {
      if (this.queue.length === 0 && this.socket.isPaused()) this.socket.resume()
      this.start(exchange)
    } else if (this.parseFailure !== undefined) {
      this.answerFailure()
    } else if (this.owner.closing) {
      this.socket.destroySoon()
    }
  }

  /** Reads the rest of a body that nobody wanted, so that the next request can be seen. */
  private drain(req: IncomingMessage): void {
    let left = DRAIN_BYTES
    const timer = setTimeout(() => this.linger(), this.bodyTimeoutMs)
    req.removeAllListeners('readable')
    req.on('data', (bytes: Uint8Array) => {
      left -= bytes.length
      if (left < 0) this.linger()
    })
    req.on('close', () => {
      clearTimeout(timer)
      if (!this.socket.destroyed && !this.lingering) this.next()
    })
    req.resume()
  }

  private answerFailure(): void {
    const status = this.parseFailure!
    const text = statusText(status)
    const head = `HTTP/1.1 ${status} ${text}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n`
    if (this.socket.writable) this.socket.write(`${head}content-length: ${text.length}\r\n\r\n${text}`)
    this.linger()
  }

  /**
   * Closes our side, and reads on for a while: closing a socket with unread bytes resets the connection, and the reset
   * overtakes the answer.
   */
  private linger(): void {
    if (this.lingering) return
    this.lingering = true
    const { socket } = this
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
    socket.end() // It closes by itself once the client has done the same.
    socket.resume()
  }
}

/** The status that answers a head which `node:http` takes and we do not. */
function refuse(req: IncomingMessage, limits: ServerLimits): number | undefined {
  if (req.url!.length > limits.maxTargetBytes) return 414
  if (req.rawHeaders.length > limits.maxFields * 2) return 431
  if (req.httpVersionMajor !== 1) return req.httpVersionMajor === 0 ? 400 : 505
  return hasTwoHosts(req.rawHeaders) ? 400 : undefined
}

/** RFC 9112 §3.2: a second Host is an attack on whoever reads the other one. Node takes the first. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}
