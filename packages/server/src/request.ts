import type { StreamRequest } from '@catzilla/streaming'
import { collectBody, decodeText, parseJson, streamBody } from './body.ts'
import { serverError } from './errors.ts'
import type { RequestHeaders, TransportRequest } from './transport/transport.ts'

export interface BodyOptions {
  /**
   * Bytes that this body may have; more is answered by 413.
   * @defaultValue the `bodyLimit` of the app
   */
  limit?: number
}

/** A request as a handler sees it. Whatever is not looked at costs nothing. */
export class ServerRequest<Params = Readonly<Record<string, string>>> implements StreamRequest {
  private collected: Promise<Uint8Array> | undefined
  private streamed: ReadableStream<Uint8Array> | undefined
  private parsedQuery: URLSearchParams | undefined

  /** @internal */
  constructor(
    private readonly transport: TransportRequest,
    /** The path as the client sent it: not decoded, and without the query. */
    readonly path: string,
    /** The parts of the path that the pattern names, percent-decoded. */
    readonly params: Params,
    private readonly bodyLimit: number,
  ) {}

  get method(): string {
    return this.transport.method
  }

  /** Path and query as the client sent them. */
  get url(): string {
    return this.transport.url
  }

  /** What follows the `?`; empty where there is none. */
  get query(): URLSearchParams {
    if (this.parsedQuery !== undefined) return this.parsedQuery
    const { url } = this.transport
    const start = url.indexOf('?')
    return (this.parsedQuery = new URLSearchParams(start === -1 ? '' : url.slice(start + 1)))
  }

  get headers(): RequestHeaders {
    return this.transport.headers
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.transport.httpVersion
  }

  /** The peer's address: that of the last proxy where there is one. */
  get remoteAddress(): string | undefined {
    return this.transport.remoteAddress
  }

  /** Fires when the client leaves before it is answered, and on every end of a stream but completion. */
  get signal(): AbortSignal {
    return this.transport.signal
  }

  /**
   * The body as it comes; empty where there is none. While nobody reads, the client is held back. Has no size limit.
   *
   * @example
   * ```ts
   * for await (const bytes of req.body) await file.write(bytes)
   * ```
   */
  get body(): ReadableStream<Uint8Array> {
    return (this.streamed ??= streamBody(this.transport.body))
  }

  /**
   * The whole body. Asking again gives the same bytes.
   *
   * @throws (rejects) `CZ_BODY_TOO_LARGE` (413), `CZ_BODY_TIMEOUT` (408), `CZ_BODY_MALFORMED` (400), `CZ_BODY_ABORTED`, and
   * `CZ_BODY_USED` once `body` was read.
   */
  bytes({ limit = this.bodyLimit }: BodyOptions = {}): Promise<Uint8Array> {
    if (this.streamed !== undefined) return Promise.reject(bodyUsed())
    return (this.collected ??= collectBody(this.transport.body, limit))
  }

  /** The whole body as text, read as UTF-8 whatever its declared type. Rejects as {@link bytes} does. */
  async text(options?: BodyOptions): Promise<string> {
    return decodeText(await this.bytes(options))
  }

  /**
   * The whole body, parsed as JSON whatever its declared type. `T` is a claim that nobody checks.
   *
   * @throws (rejects) `CZ_BODY_JSON` (400) for malformed JSON, and as {@link bytes} does.
   */
  async json<T = unknown>(options?: BodyOptions): Promise<T> {
    return parseJson(await this.bytes(options)) as T
  }
}

function bodyUsed(): Error {
  return serverError('CZ_BODY_USED', 'The body is being streamed; read it either as a stream or as a whole')
}
