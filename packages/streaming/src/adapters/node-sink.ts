import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { lostError, streamError } from '../errors.ts'
import { Gate, refused } from '../gate.ts'
import type { ResponseHead } from '../head.ts'
import type { LossListener, StreamSink } from '../sink.ts'
import { SocketWatch, type HalfClosedPeer } from './half-close.ts'
import { placeFields } from './host-head.ts'

/** A request of `node:http`, or one of `node:http2` through its compatibility API. */
export type NodeRequestLike = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'httpVersion'>

/** A response of `node:http`, or one of `node:http2` through its compatibility API. */
export type NodeResponseLike = ServerResponse & { readonly stream?: unknown; flush?(): void }

type Http2Stream = Pick<ServerHttp2Stream, 'aborted' | 'close' | 'once' | 'writableLength'>

/** How long a broken body's last bytes may take to leave, before the connection is cut with them still in it. */
const ABORT_LINGER_MS = 1_000

/** RFC 9113 §7: INTERNAL_ERROR. */
const INTERNAL_ERROR = 2

const READY = Promise.resolve()

/**
 * A `ServerResponse` as a sink.
 *
 * The head is handed to the response with the first frame and not before, so that the host can still answer something else
 * until then, and so that head and frame leave in one system call.
 */
export class NodeSink implements StreamSink, HalfClosedPeer {
  lost: boolean
  private ended = false
  private aborted = false
  private headWritten = false
  private waiting: Gate | undefined
  private readonly listeners: LossListener[] = []
  private readonly halfClose: SocketWatch | undefined
  /** Behind another answer the response has no socket of its own yet, and never hears that the connection broke. */
  private readonly queuedOn: Socket | undefined

  /**
   * Middleware that replaced `write` (compression) has a buffer of its own, of which only its return value and its 'drain'
   * tell. Otherwise the response's own length counts, and not Node's fixed mark of 16 KiB.
   */
  private readonly wrapped: boolean
  private wrapperFull = false
  private hearsDrain = false
  private readonly http2: Http2Stream | undefined
  /** A broken body of HTTP/2 waits for its last bytes. */
  private resetWhenWritten: (() => void) | undefined

  constructor(
    private readonly response: NodeResponseLike,
    private readonly head: ResponseHead,
  ) {
    this.lost = response.destroyed
    this.wrapped = Object.hasOwn(response, 'write')
    this.http2 = http2StreamOf(response)
    if (this.lost) return
    response.on('close', this.onClose)
    if (this.http2 !== undefined) return
    const { socket } = response
    if (socket === null) this.queuedOn = response.req.socket.on('close', this.onClose)
    else if (SocketWatch.appliesTo(socket)) this.halfClose = new SocketWatch(socket, this)
  }

  write(frame: string | Uint8Array): boolean {
    if (this.ended) throw streamError('CZ_STREAM_CLOSED', 'The stream is closed; write before end()')
    if (this.lost || this.aborted) return false
    this.writeHead()
    this.halfClose?.progress()
    if (this.wrapped) {
      this.wrapperFull = !this.response.write(frame)
    } else if (this.hasRoomFor(frame)) {
      this.response.write(frame)
    } else {
      this.response.write(frame, this.onDrain) // Node promises no 'drain' below its own mark.
    }
    return this.hasRoom()
  }

  drained(): Promise<void> {
    if (this.lost || this.aborted) return refused(lostError())
    if (this.hasRoom()) return READY
    this.listenForDrain()
    return (this.waiting ??= new Gate()).passed
  }

  flush(): void {
    if (this.lost || this.aborted) return
    if (!this.headWritten) {
      this.writeHead()
      this.response.flushHeaders()
    }
    this.response.flush?.()
  }

  end(last?: string | Uint8Array): Promise<void> {
    this.ended = true
    if (this.lost || this.aborted) return refused(lostError())
    this.writeHead()
    this.waiting = new Gate()
    this.response.on('finish', this.onFinish)
    this.response.end(last)
    return this.waiting.passed
  }

  abort(): void {
    if (this.aborted) return
    this.aborted = true
    this.release()
    this.refuseWaiting()
    if (this.lost) return
    if (this.http2 === undefined) breakOff(this.response, this.isCloseDelimited())
    else this.resetStream(this.http2)
  }

  onLost(listener: LossListener): void {
    if (this.lost) listener.peerLost()
    else this.listeners.push(listener)
  }

  /** The peer is gone. @internal */
  lose(): void {
    if (this.lost) return
    this.lost = true
    this.release()
    this.refuseWaiting()
    for (const listener of this.listeners.splice(0)) listener.peerLost()
  }

  /** What shows whether a peer that has said its last word still listens. @internal */
  probe(): void {
    const { probe, contentLength } = this.head
    if (probe === undefined || contentLength !== undefined || !this.headWritten || this.ended) return
    this.response.write(probe)
    this.response.flush?.()
  }

  /** Whether bytes wait for the peer: then it has not gone quiet on us, it is only slow. @internal */
  get blocked(): boolean {
    return this.response.writableLength > 0
  }

  /** The peer left without a word. @internal */
  giveUp(): void {
    this.lose()
    this.response.req.socket.destroy()
  }

  /** Takes its listeners off the response. */
  release(): void {
    this.response.off('close', this.onClose)
    if (this.hearsDrain) this.response.off('drain', this.onDrain)
    if (this.ended) this.response.off('finish', this.onFinish)
    this.queuedOn?.off('close', this.onClose)
    this.halfClose?.stop()
  }

  private writeHead(): void {
    if (this.headWritten) return
    this.headWritten = true
    const { response } = this
    const { status, fields, contentLength } = this.head
    if (this.http2 === undefined && response.req.httpVersion === '1.0') {
      // RFC 9112 §6.1: an HTTP/1.0 client knows no chunked coding, whatever its TE field says.
      response.useChunkedEncodingByDefault = false
      response.shouldKeepAlive = false
    }
    placeFields(
      fields,
      (name, value) => response.setHeader(name, value),
      (name, value) => response.appendHeader(name, value),
    )
    // RFC 9110 §15.3.6: 205 has no content, but its length must be said.
    const length = status === 205 ? 0 : contentLength
    if (length !== undefined) response.setHeader('content-length', length)
    response.writeHead(status)
  }

  /** Its end is the end of the connection: then only a reset tells a broken body from a whole one. */
  private isCloseDelimited(): boolean {
    const { response } = this
    return this.headWritten && !response.chunkedEncoding && !response.hasHeader('content-length')
  }

  /** From the first time on that the peer is behind: most streams never are. */
  private listenForDrain(): void {
    if (this.hearsDrain) return
    this.hearsDrain = true
    this.response.on('drain', this.onDrain)
  }

  private hasRoom(): boolean {
    return this.wrapped ? !this.wrapperFull : this.response.writableLength < this.head.highWaterMark
  }

  /** RST_STREAM takes back what has not left yet, so it comes behind that. */
  private resetStream(stream: Http2Stream): void {
    const reset = () => stream.close(INTERNAL_ERROR)
    const timer = setTimeout(reset, ABORT_LINGER_MS)
    stream.once('close', () => clearTimeout(timer))
    this.resetWhenWritten = () => {
      if (stream.writableLength === 0) reset()
    }
    this.resetWhenWritten()
  }

  /** Only where it is sure: then nothing needs to be heard of the frame's way. */
  private hasRoomFor(frame: string | Uint8Array): boolean {
    return this.http2 === undefined && this.response.writableLength + largestBytes(frame) < this.head.highWaterMark
  }

  private readonly onDrain = (): void => {
    this.resetWhenWritten?.()
    this.wrapperFull = false
    if (this.waiting === undefined || this.ended || this.lost || !this.hasRoom()) return
    const { waiting } = this
    this.waiting = undefined
    waiting.open()
  }

  /** Node calls a response finished when its connection was destroyed, too; then 'close' follows. */
  private readonly onFinish = (): void => {
    if (this.isBroken()) return
    this.release()
    this.waiting?.open()
  }

  private readonly onClose = (): void => {
    this.lose()
  }

  private isBroken(): boolean {
    return this.http2 === undefined ? this.response.req.socket.destroyed : this.http2.aborted
  }

  private refuseWaiting(): void {
    this.waiting?.refuse(lostError())
    this.waiting = undefined
  }
}

/** No frame takes more on the wire: a UTF-16 unit is three bytes at most, and chunked coding adds its size line. */
function largestBytes(frame: string | Uint8Array): number {
  return (frame.length + 8) * 3
}

/** Ends a body without its end: what was written still leaves where the peer takes it, and a terminating chunk never. */
function breakOff(response: NodeResponseLike, closeDelimited: boolean): void {
  const { socket } = response
  if (socket === null) return void response.destroy() // It still waits behind another answer of this connection.
  const timer = setTimeout(() => socket.destroy(), ABORT_LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  while (socket.writableCorked > 0) socket.uncork()
  if (closeDelimited && canReset(socket)) socket.write('', () => socket.resetAndDestroy())
  else socket.destroySoon()
}

/** The stream behind a response of HTTP/2. Hosts of HTTP/1.1 may have a method of that name. */
function http2StreamOf({ stream }: NodeResponseLike): Http2Stream | undefined {
  return typeof stream === 'object' && stream !== null ? (stream as Http2Stream) : undefined
}

/** TLS has an end of its own, and a Unix socket no reset. */
function canReset(socket: Socket): boolean {
  return socket.remoteAddress !== undefined && !('encrypted' in socket)
}
