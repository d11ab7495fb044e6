import { show, streamError } from './errors.ts'
import { replaceFields, toFields, type FieldList } from './head.ts'
import { defined } from './option-checks.ts'
import { DEFAULTS, type StreamOptions } from './options.ts'
import { fieldsToPass, isEventStream, isUtf8Text, keptLive } from './relay-fields.ts'
import { StreamingResponse, type OpenedStream } from './response.ts'
import type { StreamRequest } from './sink.ts'
import { isReadableStream, type ItemIterator, type StreamItem, type StreamSource } from './source.ts'
import { Utf8Boundary } from './utf8-boundary.ts'

/** What may be relayed: the answer of a `fetch()`, or any stream of text or bytes. */
export type RelayUpstream = Response | ReadableStream<StreamItem>

/**
 * `status`, `contentType` and `headers` take the place of the upstream's. The head leaves at once, as the upstream's has come
 * (`head: 'first-item'` waits for its body).
 */
export type RelayOptions = Omit<StreamOptions<StreamItem>, NotForRelays>
type NotForRelays = 'encode' | 'tail' | 'encoder' | 'heartbeat'

const NOT_FOR_RELAYS: readonly NotForRelays[] = ['encode', 'tail', 'encoder', 'heartbeat']

/**
 * Passes an upstream's answer on while it arrives: an LLM's event stream, a file of another service. Each chunk goes on in
 * the turn in which it came, and the upstream is read at the pace of the client.
 *
 * - A client that leaves cancels the upstream's body at once, which aborts its `fetch()`. An upstream that breaks breaks our
 *   body off, visibly.
 * - Status, `Content-Type`, and the fields that concern the client go on. Left out are those of a connection, of the other
 *   server (`Date`, `Server`, `Alt-Svc`, `Strict-Transport-Security` …), `Set-Cookie` and `Access-Control-…`, and, where
 *   `fetch()` has decoded the body, those of the coded one. `Content-Length` is kept otherwise, and enforced.
 * - An event stream gets `no-transform` and `X-Accel-Buffering: no`, so that nobody on the way collects its events.
 * - Text in UTF-8 leaves in whole characters, however the upstream's chunks were cut. Other bytes go on as they are, uncopied
 *   from 16 KiB on.
 *
 * @example
 * ```ts
 * app.get('/chat', async (req) => relay(await fetch(url, { method: 'POST', body, signal: req.signal })))
 * ```
 * @throws {TypeError} `CZ_RELAY_UPSTREAM` for what is neither `Response` nor `ReadableStream`, and for a body that is read
 * already; `CZ_HEAD_STATUS` for an opaque response; `CZ_STREAM_OPTION`, `CZ_HEAD_FIELD` for bad options.
 * @see RFC 9110 §7.6.1, §8.4
 */
export function relay(upstream: RelayUpstream, options: RelayOptions = {}): StreamingResponse {
  for (const name of NOT_FOR_RELAYS) {
    if ((options as StreamOptions<StreamItem>)[name] === undefined) continue
    throw streamError('CZ_STREAM_OPTION', `relay() passes a body on as it is; leave out ${name}`)
  }
  unreadBody(upstream)
  return new RelayedResponse(upstream, options)
}

/** A stream comes without a head. */
const STREAM_HEAD = { status: DEFAULTS.status, headers: [['content-type', DEFAULTS.contentType]] } as const

class RelayedResponse extends StreamingResponse {
  private opened = false
  private readonly typed: boolean

  constructor(
    private readonly upstream: RelayUpstream,
    options: RelayOptions,
  ) {
    const given = isReadableStream(upstream) ? STREAM_HEAD : upstream
    const passed = fieldsToPass(given.headers)
    const own = toFields(options.headers)
    const type = typeIn(own) ?? options.contentType ?? typeIn(passed)
    const fields = toFields(replaceFields(isEventStream(type) ? keptLive(passed) : passed, own))
    const ofContent = fields.filter(([name]) => name !== 'content-type')
    const coded = fields.some(([name]) => name === 'content-encoding')
    const isText = type !== undefined && isUtf8Text(type) && !coded

    super(new UpstreamBody(upstream, isText ? new Utf8Boundary() : undefined) as StreamSource<StreamItem>, {
      head: 'eager',
      status: given.status,
      ...defined(options),
      headers: ofContent,
      ...(type !== undefined && { contentType: type }),
    })
    this.typed = type !== undefined
  }

  /** @throws `CZ_RELAY_UPSTREAM` the second time: there is one body. */
  override open(request: StreamRequest): OpenedStream {
    if (this.opened) throw badUpstream('This relay was sent already, and its body can be read once; relay() again')
    unreadBody(this.upstream)
    this.opened = true
    const opened = super.open(request)
    if (this.typed) return opened
    return { ...opened, fields: opened.fields.filter(([name]) => name !== 'content-type') }
  }
}

/**
 * An upstream's body as a source. It is there before it is asked, so that it is cancelled also where nothing is asked of it (HEAD).
 * It keeps the `Response`: when that is collected as garbage, Node cancels its body.
 */
class UpstreamBody implements ItemIterator {
  private reader: ReadableStreamDefaultReader<StreamItem> | undefined

  constructor(
    private readonly upstream: RelayUpstream,
    private readonly boundary: Utf8Boundary | undefined,
  ) {}

  next(): Promise<IteratorResult<unknown, unknown>> {
    this.reader ??= bodyOf(this.upstream)?.getReader()
    if (this.reader === undefined) return Promise.resolve({ done: true, value: undefined })
    const read = this.reader.read() as Promise<IteratorResult<unknown, unknown>>
    return this.boundary === undefined ? read : read.then(this.cut)
  }

  return(): unknown {
    return (this.reader ?? bodyOf(this.upstream))?.cancel()
  }

  private readonly cut = (
    result: IteratorResult<unknown, unknown>,
  ): IteratorResult<unknown, unknown> | Promise<IteratorResult<unknown, unknown>> => {
    const value = result.done === true ? this.boundary!.end() : this.boundary!.take(result.value)
    if (value !== undefined) return { done: false, value }
    return result.done === true ? result : this.next() // It was the beginning of a character, and no more.
  }
}

function typeIn(fields: FieldList): string | undefined {
  return fields.find(([name]) => name === 'content-type')?.[1]
}

/** @throws {TypeError} `CZ_RELAY_UPSTREAM` for what has no body that can be read from here on. */
function unreadBody(upstream: unknown): void {
  if (!isReadableStream(upstream) && !isResponse(upstream)) {
    const thenable = typeof (upstream as PromiseLike<unknown> | null | undefined)?.then === 'function'
    const got = thenable ? 'a promise: await it first' : show(upstream)
    throw badUpstream(`relay() takes a web Response or a ReadableStream (got ${got})`)
  }
  if (bodyOf(upstream)?.locked === true)
    throw badUpstream('The upstream body has another reader; relay() must be its only one')
  if ('bodyUsed' in upstream && upstream.bodyUsed)
    throw badUpstream('The upstream body was read already; relay() needs all of it')
}

function bodyOf(upstream: RelayUpstream): ReadableStream<StreamItem> | null {
  return isReadableStream(upstream) ? upstream : upstream.body
}

/** By its shape: there are more classes of it than the global one. */
function isResponse(value: unknown): value is Response {
  const { status, headers, body } = (value ?? {}) as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function' && (body === null || isReadableStream(body))
}

function badUpstream(message: string): Error {
  return streamError('CZ_RELAY_UPSTREAM', message)
}
