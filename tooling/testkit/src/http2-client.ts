import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import type { ConnectionEnd, ContractClient, RawClientOptions, RawRequest } from './raw-client.ts'
import { RawResponse, type BodyEnd } from './response-reader.ts'
import { PATIENCE_MS, Progress, within } from './waits.ts'

const TICK_MS = 20

/** What a server may send ahead of a reader, as the system's buffers are for HTTP/1.1. */
const WINDOW_BYTES = 1024 * 1024

/**
 * What `RawClient` is for HTTP/1.1, for HTTP/2 without TLS. Requests of one client share its connection; a body counts as
 * complete only when its stream was ended, and not reset.
 */
export class Http2Client implements ContractClient {
  private readonly progress = new Progress()
  private readonly exchanges: Http2Exchange[] = []
  private taken = 0
  private endedBy: ConnectionEnd | undefined
  /** Bytes that may be read now of each answer. */
  private allowance = Infinity
  private pace: NodeJS.Timeout | undefined

  private constructor(
    private readonly session: ClientHttp2Session,
    private readonly socket: Socket,
    private readonly options: RawClientOptions,
  ) {
    session.on('error', () => this.over('reset'))
    session.on('goaway', () => this.over('end'))
    socket.on('end', () => this.over('end'))
    socket.on('close', () => this.over('left'))
  }

  static async connect(port: number, options: RawClientOptions = {}): Promise<Http2Client> {
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    const session = connect(`http://127.0.0.1:${port}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: WINDOW_BYTES },
    })
    const connected = new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject))
    await within(connected, `a connection to port ${port}`)
    session.setLocalWindowSize(WINDOW_BYTES)
    return new Http2Client(session, socket, options)
  }

  request(...requests: RawRequest[]): void {
    for (const request of requests) {
      const exchange = new Http2Exchange(this.session, request, this.progress, this.options.consume)
      exchange.allow(this.allowance)
      this.exchanges.push(exchange)
    }
  }

  async response(withinMs = PATIENCE_MS): Promise<RawResponse> {
    const index = this.taken++
    return this.progress.until(
      () => this.exchanges[index]?.response,
      () => `the head of answer ${index + 1} should arrive`,
      withinMs,
    )
  }

  async get(path = '/', request: RawRequest = {}): Promise<RawResponse> {
    this.request({ ...request, path })
    return this.response()
  }

  ended(withinMs = PATIENCE_MS): Promise<ConnectionEnd> {
    return this.progress.until(
      () => this.endedBy,
      () => 'the connection should end',
      withinMs,
    )
  }

  /** The windows of flow control fill, then the server cannot send. */
  stall(): void {
    this.allow(0)
  }

  resume(): void {
    this.allow(Infinity)
  }

  readSlowly(bytesPerSecond: number): void {
    this.stall()
    this.pace = setInterval(() => this.allowMore((bytesPerSecond * TICK_MS) / 1000), TICK_MS)
  }

  /** There is no half-closed connection in HTTP/2; a request is half-closed from the start. */
  halfClose(): void {}

  leave(): void {
    clearInterval(this.pace)
    this.session.destroy()
    this.socket.destroy()
  }

  reset(): void {
    clearInterval(this.pace)
    this.socket.resetAndDestroy()
  }

  private allow(bytes: number): void {
    clearInterval(this.pace)
    this.allowMore(bytes)
  }

  private allowMore(bytes: number): void {
    this.allowance = bytes
    for (const exchange of this.exchanges) exchange.allow(bytes)
  }

  private over(how: ConnectionEnd): void {
    if (this.endedBy !== undefined) return
    clearInterval(this.pace)
    this.endedBy = how
    this.progress.failed(new Error(`the connection has ended (${how})`))
  }
}

/** One request and its answer. */
class Http2Exchange {
  response: RawResponse | undefined
  private readonly stream: ClientHttp2Stream
  private allowance = Infinity

  constructor(
    session: ClientHttp2Session,
    private readonly asked: RawRequest,
    private readonly progress: Progress,
    private readonly consume: RawClientOptions['consume'],
  ) {
    const { method = 'GET', path = '/', fields = {} } = asked
    this.stream = session.request({ ...fields, ':method': method, ':path': path })
    this.stream.on('response', (_headers: unknown, _flags: unknown, raw: string[]) => this.begin(raw))
    this.stream.on('data', (bytes: Buffer) => this.take(bytes))
    this.stream.on('error', () => this.over('reset'))
    this.stream.on('close', () =>
      this.over(this.stream.rstCode === 0 && this.stream.readableEnded ? 'complete' : 'reset'),
    )
  }

  /** A piece is taken as a whole, so this much may be overdrawn by one. */
  allow(bytes: number): void {
    this.allowance = bytes
    if (bytes > 0) this.stream.resume()
    else this.stream.pause()
  }

  private begin(raw: readonly string[]): void {
    const { method = 'GET', version = '1.1' } = this.asked
    const fields = pairs(raw).filter(([name]) => !name.startsWith(':'))
    const status = Number(pairs(raw).find(([name]) => name === ':status')?.[1])
    const none = method === 'HEAD' || status === 204 || status === 304
    const sized = fields.some(([name]) => name === 'content-length')
    // A body without a length is in frames, as the chunked one of HTTP/1.1.
    const framing = none ? 'none' : sized ? 'length' : 'chunked'
    this.response = new RawResponse({ method, version }, status, fields, framing, performance.now(), this.progress)
    this.progress.happened()
  }

  private take(bytes: Buffer): void {
    const response = this.response!
    this.allowance -= bytes.length
    if (this.allowance <= 0) this.stream.pause()
    response.bodyBytes += bytes.length
    response.chunkSizes.push(bytes.length)
    if (this.consume === undefined) response.pieces.push({ bytes, at: performance.now() })
    else this.consume(bytes)
    this.progress.happened()
  }

  private over(end: BodyEnd): void {
    if (this.response === undefined || this.response.end !== undefined) return
    this.response.end = end
    this.progress.happened()
  }
}

/** Names and values as they came, one after another. */
function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) found.push([raw[i]!, raw[i + 1]!])
  return found
}
