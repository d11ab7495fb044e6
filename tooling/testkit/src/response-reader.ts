import { PATIENCE_MS, type Progress } from './waits.ts'

/** How the end of a body is known (RFC 9112 §6.3). */
export type BodyFraming = 'none' | 'chunked' | 'length' | 'close'

/** `complete` only where the framing says so; `truncated` by a FIN too early; `reset` by a RST. */
export type BodyEnd = 'complete' | 'truncated' | 'reset'

/** What a reader must know of a request to read its answer. */
export interface AskedRequest {
  readonly method: string
  readonly version: '1.0' | '1.1'
}

/** Body bytes, as one read of the socket brought them. */
export interface Piece {
  readonly bytes: Buffer
  /** When they arrived, on the clock of `performance.now()`. */
  readonly at: number
}

/** The server broke HTTP. */
export class ProtocolError extends Error {}

/** An answer, while it arrives and after. */
export class RawResponse {
  /** Body bytes in order; left empty where the client consumes them. */
  readonly pieces: Piece[] = []
  /** Sizes of the transfer chunks that have arrived whole, without the last one of size 0. */
  readonly chunkSizes: number[] = []
  bodyBytes = 0
  end: BodyEnd | undefined

  constructor(
    readonly asked: AskedRequest,
    readonly status: number,
    readonly fields: readonly (readonly [name: string, value: string])[],
    readonly framing: BodyFraming,
    readonly headAt: number,
    private readonly progress: Progress,
  ) {}

  /** The value of a field, several lines joined; `undefined` without one. */
  field(name: string): string | undefined {
    const values = this.fields.filter(([each]) => each === name).map(([, value]) => value)
    return values.length === 0 ? undefined : values.join(', ')
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces.map((piece) => piece.bytes))
  }

  get text(): string {
    return this.bytes.toString('utf8')
  }

  /** Whether the connection can carry another request after this answer. */
  get keepsAlive(): boolean {
    const connection = this.field('connection')?.toLowerCase()
    if (this.framing === 'close' || connection === 'close') return false
    return this.asked.version === '1.1' || connection === 'keep-alive'
  }

  /** Waits until `text` has arrived. */
  async receives(text: string, withinMs = PATIENCE_MS): Promise<void> {
    const look = () => this.text.includes(text) || undefined
    await this.until(look, `${JSON.stringify(text)} should arrive`, withinMs)
  }

  /** Waits until at least `count` bytes of the body have arrived. */
  async receivesBytes(count: number, withinMs = PATIENCE_MS): Promise<void> {
    await this.until(() => this.bodyBytes >= count || undefined, `${count} bytes of body should arrive`, withinMs)
  }

  /** Waits for the end, whichever it is. */
  ended(withinMs = PATIENCE_MS): Promise<BodyEnd> {
    return this.until(() => this.end, 'the body should end', withinMs)
  }

  /** Waits for a complete body, and gives it as text. */
  async whole(withinMs = PATIENCE_MS): Promise<string> {
    const end = await this.ended(withinMs)
    if (end !== 'complete') throw new Error(`the body is ${end} after ${this.describe()}`)
    return this.text
  }

  /** Waits for a body that breaks off, and gives what arrived of it. */
  async broken(withinMs = PATIENCE_MS): Promise<string> {
    const end = await this.ended(withinMs)
    if (end === 'complete') throw new Error(`the body looks complete after ${this.describe()}`)
    return this.text
  }

  private until<T>(look: () => T | undefined, what: string, withinMs: number): Promise<T> {
    return this.progress.until(look, () => `${what}, got ${this.describe()}`, withinMs)
  }

  private describe(): string {
    const { text } = this
    const start = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text)
    return `status ${this.status}, ${this.bodyBytes} bytes ${start}, ${this.end ?? 'not ended'}`
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3}) [\t\x20-\x7e\x80-\xff]*$/
const CHUNK_SIZE = /^[0-9A-Fa-f]{1,8}$/
const MAX_LINE_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * Reads the answers on one connection, strictly by RFC 9112: what a lenient client would forgive is an error here, as this is
 * where a server's framing is proved.
 */
export class ResponseReader {
  readonly responses: RawResponse[] = []
  private readonly asked: AskedRequest[] = []
  /** An unfinished head or line. */
  private pending: Buffer = NOTHING
  /** What the next byte is part of. */
  private state: 'head' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'length' | 'close' | 'over' = 'head'
  /** Bytes missing of the chunk, or of the body with a length. */
  private left = 0
  private chunkSize = 0
  private current: RawResponse | undefined

  constructor(
    private readonly progress: Progress,
    private readonly consume?: (bytes: Buffer) => void,
  ) {}

  /** A request was sent; its answer comes after those of the earlier ones. */
  expect(request: AskedRequest): void {
    this.asked.push(request)
  }

  /** @throws {ProtocolError} at the first byte that no correct server sends. */
  feed(bytes: Buffer, at: number): void {
    let rest = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes])
    this.pending = NOTHING
    while (rest.length > 0) {
      const taken = this.take(rest, at)
      if (taken === 0) {
        if (rest.length > MAX_LINE_BYTES) throw new ProtocolError('a head or line without an end')
        this.pending = rest
        return
      }
      rest = rest.subarray(taken)
    }
  }

  /** The connection has ended, by FIN or RST. */
  close(how: 'end' | 'reset'): void {
    if (this.current === undefined) return
    const complete = how === 'end' && this.state === 'close'
    this.finish(complete ? 'complete' : how === 'end' ? 'truncated' : 'reset')
  }

  /** Takes what one state needs from the front of `bytes`, and says how much; 0 when more is needed. */
  private take(bytes: Buffer, at: number): number {
    switch (this.state) {
      case 'head':
        return this.takeHead(bytes, at)
      case 'chunk-size':
        return this.takeLine(bytes, (line) => this.startChunk(line))
      case 'chunk-data':
        return this.takeBody(bytes, at, 'chunk-end')
      case 'chunk-end':
        return this.takeLine(bytes, (line) => this.endChunk(line))
      case 'trailers':
        return this.takeLine(bytes, (line) => this.endChunked(line))
      case 'length':
        return this.takeBody(bytes, at, undefined)
      case 'close':
        this.deliver(bytes, at)
        return bytes.length
      default:
        throw new ProtocolError(`bytes after the last answer: ${quote(bytes)}`)
    }
  }

  private takeHead(bytes: Buffer, at: number): number {
    const [asked] = this.asked
    if (asked === undefined) throw new ProtocolError(`bytes that nobody asked for: ${quote(bytes)}`)
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) return 0
    const [statusLine, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
    const status = Number(STATUS_LINE.exec(statusLine!)?.[1])
    if (Number.isNaN(status)) throw new ProtocolError(`not a status line: ${JSON.stringify(statusLine)}`)
    if (status >= 200) this.startBody(asked, status, lines.map(toField), at) // An interim response is not the answer.
    return end + 4
  }

  private startBody(asked: AskedRequest, status: number, fields: [string, string][], at: number): void {
    this.asked.shift()
    const { framing, length } = framingOf(asked, status, fields)
    this.current = new RawResponse(asked, status, fields, framing, at, this.progress)
    this.responses.push(this.current)
    this.left = length
    if (framing === 'none' || (framing === 'length' && length === 0)) this.finish('complete')
    else this.state = framing === 'chunked' ? 'chunk-size' : framing
  }

  private startChunk(line: string): void {
    if (!CHUNK_SIZE.test(line)) throw new ProtocolError(`not a chunk size: ${JSON.stringify(line)}`)
    this.left = this.chunkSize = Number.parseInt(line, 16)
    this.state = this.left === 0 ? 'trailers' : 'chunk-data'
  }

  private endChunk(line: string): void {
    if (line !== '') throw new ProtocolError(`more data than the chunk size says: ${JSON.stringify(line)}`)
    this.current!.chunkSizes.push(this.chunkSize)
    this.state = 'chunk-size'
  }

  private endChunked(line: string): void {
    if (line !== '') throw new ProtocolError(`a trailer that nobody announced: ${JSON.stringify(line)}`)
    this.finish('complete')
  }

  private takeBody(bytes: Buffer, at: number, next: 'chunk-end' | undefined): number {
    const length = Math.min(this.left, bytes.length)
    this.left -= length
    this.deliver(bytes.subarray(0, length), at)
    if (this.left > 0) return length
    if (next === undefined) this.finish('complete')
    else this.state = next
    return length
  }

  private deliver(bytes: Buffer, at: number): void {
    const response = this.current!
    response.bodyBytes += bytes.length
    if (this.consume === undefined) response.pieces.push({ bytes, at })
    else this.consume(bytes)
  }

  private finish(end: BodyEnd): void {
    const response = this.current!
    response.end = end
    this.current = undefined
    this.state = end === 'complete' && response.keepsAlive ? 'head' : 'over'
  }

  private takeLine(bytes: Buffer, use: (line: string) => void): number {
    const end = bytes.indexOf('\r\n')
    if (end === -1) {
      if (bytes.length > 1024) throw new ProtocolError(`a line without an end: ${quote(bytes)}`)
      return 0
    }
    use(bytes.toString('latin1', 0, end))
    return end + 2
  }
}

function toField(line: string): [string, string] {
  const colon = line.indexOf(':')
  const name = line.slice(0, colon)
  const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')
  if (colon === -1 || !TOKEN.test(name) || !FIELD_VALUE.test(value)) {
    throw new ProtocolError(`not a field line: ${JSON.stringify(line)}`)
  }
  return [name.toLowerCase(), value]
}

function framingOf(asked: AskedRequest, status: number, fields: [string, string][]) {
  const [coding, ...codings] = valuesOf(fields, 'transfer-encoding')
  const [length, ...lengths] = valuesOf(fields, 'content-length')
  if (coding !== undefined && length !== undefined) throw new ProtocolError('both Content-Length and Transfer-Encoding')
  if (codings.length > 0 || lengths.length > 0) throw new ProtocolError('the length is given twice')
  if (coding !== undefined && coding !== 'chunked') throw new ProtocolError(`an unknown transfer coding: ${coding}`)
  if (coding !== undefined && asked.version === '1.0') throw new ProtocolError('chunked coding for an HTTP/1.0 client')
  if (length !== undefined && !/^\d+$/.test(length)) throw new ProtocolError(`not a length: ${length}`)
  if (coding !== undefined && status === 204) throw new ProtocolError('chunked coding in an answer without a body')

  if (asked.method === 'HEAD' || status === 204 || status === 304) return { framing: 'none', length: 0 } as const
  if (coding !== undefined) return { framing: 'chunked', length: 0 } as const
  if (length !== undefined) return { framing: 'length', length: Number(length) } as const
  return { framing: 'close', length: 0 } as const
}

function valuesOf(fields: [string, string][], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value)
}

function quote(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 60))
}
