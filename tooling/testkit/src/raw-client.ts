import { connect, type Socket } from 'node:net'
import { ResponseReader, type AskedRequest, type RawResponse } from './response-reader.ts'
import { PATIENCE_MS, Progress, within } from './waits.ts'

export interface RawClientOptions {
  /** Takes the bytes of bodies, which are then not kept: for bodies without an end, or for hashing. */
  consume?: (bytes: Buffer) => void
}

export interface RawRequest extends Partial<AskedRequest> {
  readonly path?: string
  readonly fields?: Readonly<Record<string, string>>
}

/** How a connection ended, as this side saw it; `left` when this side closed it. */
export type ConnectionEnd = 'end' | 'reset' | 'left'

/** What the contract's cases need of a client, whichever version of HTTP it speaks. */
export interface ContractClient {
  /** Sends requests in one write: more than one are pipelined. */
  request(...requests: RawRequest[]): void
  /** Waits for the head of the next answer, in the order of the requests. */
  response(withinMs?: number): Promise<RawResponse>
  /** Sends a request and waits for the head of its answer. */
  get(path?: string, request?: RawRequest): Promise<RawResponse>
  /** Waits for the end of the connection. */
  ended(withinMs?: number): Promise<ConnectionEnd>
  /** Reads no more. The system's buffers fill, then the server cannot send. */
  stall(): void
  /** Reads as fast as bytes come, as in the beginning. */
  resume(): void
  /** Reads at a steady pace. */
  readSlowly(bytesPerSecond: number): void
  /** Sends FIN, and goes on reading. */
  halfClose(): void
  /** Goes away as a process that ends does: FIN first, RST for whatever still comes. */
  leave(): void
  /** Goes away with RST. */
  reset(): void
}

const TICK_MS = 20

/**
 * An HTTP/1.1 client that shows what a browser hides: bytes as they arrive, half-closed connections, resets, readers that are
 * slow or stop. It never reconnects, and forgives nothing (see {@link ResponseReader}).
 */
export class RawClient implements ContractClient {
  private readonly progress = new Progress()
  private readonly reader: ResponseReader
  private taken = 0
  private endedBy: ConnectionEnd | undefined
  /** Bytes that may be read now. */
  private allowance = Infinity
  private pace: NodeJS.Timeout | undefined

  private constructor(
    private readonly socket: Socket,
    { consume }: RawClientOptions,
  ) {
    this.reader = new ResponseReader(this.progress, consume)
    socket.on('readable', () => this.read())
    socket.on('end', () => this.over('end'))
    socket.on('error', () => this.over('reset'))
    socket.on('close', () => this.over('left'))
  }

  static async connect(port: number, options: RawClientOptions = {}): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const connected = new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    await within(connected, `a connection to port ${port}`)
    return new RawClient(socket, options)
  }

  /** Sends bytes as they are; `asked` tells the reader which answers to expect for them. */
  send(bytes: string | Uint8Array, ...asked: AskedRequest[]): void {
    for (const request of asked) this.reader.expect(request)
    this.socket.write(bytes)
  }

  request(...requests: RawRequest[]): void {
    const asked = requests.map(({ method = 'GET', version = '1.1' }) => ({ method, version }))
    this.send(requests.map(requestHead).join(''), ...asked)
  }

  async response(withinMs = PATIENCE_MS): Promise<RawResponse> {
    const index = this.taken++
    return this.progress.until(
      () => this.reader.responses[index],
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

  /** Whether the server has ended the connection, as far as it was read. */
  get hasEnded(): boolean {
    return this.endedBy !== undefined
  }

  // ── a reader that is slow ──────────────────────────────────────────────────────────────────────────────────────────

  stall(): void {
    clearInterval(this.pace)
    this.allowance = 0
  }

  resume(): void {
    clearInterval(this.pace)
    this.allowance = Infinity
    this.read()
  }

  readSlowly(bytesPerSecond: number): void {
    this.stall()
    this.pace = setInterval(() => {
      this.allowance = (bytesPerSecond * TICK_MS) / 1000
      this.read()
    }, TICK_MS)
  }

  // ── a client that leaves ───────────────────────────────────────────────────────────────────────────────────────────

  halfClose(): void {
    this.socket.end()
  }

  leave(): void {
    clearInterval(this.pace)
    this.socket.destroy()
  }

  reset(): void {
    clearInterval(this.pace)
    this.socket.resetAndDestroy()
  }

  private read(): void {
    while (this.allowance > 0 && this.endedBy === undefined) {
      const length = Math.min(this.allowance, this.socket.readableLength)
      if (length === 0) {
        this.socket.read() // Asks the system for more, and lets the end be seen.
        return
      }
      this.allowance -= length
      this.take(this.socket.read(length) as Buffer)
    }
  }

  private take(bytes: Buffer): void {
    try {
      this.reader.feed(bytes, performance.now())
      this.progress.happened()
    } catch (error) {
      this.progress.failed(error as Error)
      this.leave()
    }
  }

  private over(how: ConnectionEnd): void {
    if (this.endedBy !== undefined) return
    clearInterval(this.pace)
    this.endedBy = how
    this.reader.close(how === 'end' ? 'end' : 'reset')
    this.socket.end()
    this.progress.failed(new Error(`the connection has ended (${how})`))
  }
}

function requestHead({ method = 'GET', path = '/', version = '1.1', fields = {} }: RawRequest): string {
  const lines = Object.entries({ Host: '127.0.0.1', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`
}
