import { show } from '@catzilla/streaming/format'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { sseError } from '../errors.ts'
import { pause, retryAfterMs } from './waits.ts'

/** The data of each type of event, by its name; `message` is that of events without one. */
export type EventMap = object

/** An event as it came: which type it is says which data it has. */
export type ClientEvent<Events extends EventMap> = {
  [Type in keyof Events & string]: {
    readonly type: Type
    readonly data: Events[Type]
    /** The last id that came, with this event or before it; `''` for none. */
    readonly lastEventId: string
  }
}[keyof Events & string]

type HeaderFields = NonNullable<ConstructorParameters<typeof Headers>[0]>

export interface ClientOptions {
  /** @defaultValue 'GET' */
  method?: string
  /** For each connection, or a function that makes them anew for each, for tokens that expire. */
  headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>)
  /** Sent again with each connection. */
  body?: string
  /** Of `fetch()`. */
  credentials?: 'omit' | 'same-origin' | 'include'
  /** Ends the iteration. */
  signal?: AbortSignal
  /** Where to go on from. */
  lastEventId?: string
  /**
   * Makes data of text; `JSON.parse` for servers that send JSON. What it throws comes out of the iteration.
   * @defaultValue the text
   */
  parse?: (data: string) => unknown
  /**
   * Milliseconds before a connection is made again, until the server says another time. Doubled with each one that fails, up to 30
   * seconds, and multiplied by a half to one and a half, by chance.
   * @defaultValue 2000
   */
  retryMs?: number
  /**
   * How many connections may fail in a row.
   * @defaultValue Infinity
   */
  maxFailures?: number
  /**
   * Milliseconds without a byte after which a connection is taken for dead: longer than the server's heartbeats. `null` for none.
   * @defaultValue 45000
   */
  silenceMs?: number | null
  /** @defaultValue the global one */
  fetch?: typeof fetch
}

/** Events of a server, over as many connections as it takes. */
export interface EventConnection<Events extends EventMap> extends AsyncIterable<ClientEvent<Events>> {
  /** The id that the next connection goes on from. */
  readonly lastEventId: string
  /** Ends it, also while the iteration waits. */
  close(): void
}

const LONGEST_RETRY_MS = 30_000

/**
 * Reads an event stream, and connects again where it was when the connection breaks. The iteration ends when the server answers with 204,
 * at `close()`, and when `signal` fires; it is read at the pace of the loop.
 *
 * @example
 * ```ts
 * for await (const event of connectEvents<{ tick: { id: number } }>('/events', { parse: JSON.parse })) {
 *   if (event.type === 'tick') console.log(event.data.id)
 * }
 * ```
 * @throws (from the iteration) `CZ_SSE_CLIENT_STATUS` for an answer that another attempt would not change, `CZ_SSE_CLIENT_TYPE` for one
 * that is no event stream, `CZ_SSE_CLIENT_LOST` after `maxFailures`.
 */
export function connectEvents<Events extends EventMap = Record<string, string>>(
  url: string | URL,
  options: ClientOptions = {},
): EventConnection<Events> {
  return new Connection<Events>(url, options)
}

class Connection<Events extends EventMap> implements EventConnection<Events> {
  lastEventId: string
  private retryMs: number
  private failures = 0
  private readonly closing = new AbortController()
  private readonly signal: AbortSignal

  constructor(
    private readonly url: string | URL,
    private readonly options: ClientOptions,
  ) {
    const { lastEventId = '', retryMs = 2_000, signal } = options
    this.lastEventId = lastEventId
    this.retryMs = retryMs
    this.signal = signal === undefined ? this.closing.signal : AbortSignal.any([this.closing.signal, signal])
  }

  close(): void {
    this.closing.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ClientEvent<Events>, void, undefined> {
    try {
      while (!this.signal.aborted) {
        const waitMs = yield* this.connect()
        if (waitMs === undefined) return
        await pause(waitMs, this.signal)
      }
    } finally {
      this.close()
    }
  }

  /** One connection. @returns how long to wait before the next; `undefined` for none. */
  private async *connect(): AsyncGenerator<ClientEvent<Events>, number | undefined, undefined> {
    const watch = new SilenceWatch(this.options.silenceMs ?? (this.options.silenceMs === null ? null : 45_000))
    try {
      const response = await this.request(AbortSignal.any([this.signal, watch.signal]))
      if (response.status === 204) return undefined
      if (isPassing(response.status)) {
        await response.body?.cancel()
        return this.failed(`it answered with ${response.status}`, retryAfterMs(response.headers))
      }
      this.requireEvents(response)
      for await (const events of this.read(response, watch)) yield* events
      this.failures = 0
      return this.wait(0)
    } catch (error) {
      if (this.signal.aborted) return undefined
      if (isFinal(error)) throw error
      return this.failed(error instanceof Error ? error.message : show(error), 0, error)
    } finally {
      watch.stop()
    }
  }

  private async request(signal: AbortSignal): Promise<Response> {
    const { method = 'GET', headers, body, credentials, fetch: fetchWith = fetch } = this.options
    const fields = new Headers(typeof headers === 'function' ? await headers() : headers)
    if (!fields.has('accept')) fields.set('accept', 'text/event-stream')
    // As browsers do: UTF-8, a byte for each character of the field.
    if (this.lastEventId !== '') fields.set('last-event-id', latin1(this.lastEventId))
    const init = {
      method,
      headers: fields,
      signal,
      cache: 'no-store',
      ...(body !== undefined && { body }),
      ...(credentials !== undefined && { credentials }),
    }
    return fetchWith(this.url, init)
  }

  /** Events as they arrive, all of a chunk at once. */
  private async *read(response: Response, watch: SilenceWatch): AsyncGenerator<ClientEvent<Events>[], void, undefined> {
    let events: ClientEvent<Events>[] = []
    const parser = createParser({
      onEvent: (message) => events.push(this.toEvent(message)),
      onRetry: (ms) => (this.retryMs = ms),
    })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    try {
      for (;;) {
        watch.start()
        const { done, value } = await reader.read()
        watch.stop() // The loop may take its time with what has come.
        if (done) return
        this.failures = 0
        parser.feed(value)
        if (events.length > 0) yield events
        events = []
      }
    } finally {
      await reader.cancel().catch(() => {}) // It has failed already.
    }
  }

  private toEvent({ event = 'message', data, id }: EventSourceMessage): ClientEvent<Events> {
    if (id !== undefined) this.lastEventId = id
    const { parse } = this.options
    try {
      const value = parse === undefined ? data : parse(data)
      return { type: event, data: value, lastEventId: this.lastEventId } as ClientEvent<Events>
    } catch (error) {
      throw sseError('CZ_SSE_CLIENT_DATA', `The data of an event could not be parsed (got ${show(data)})`, error)
    }
  }

  private requireEvents(response: Response): void {
    const { status, headers } = response
    const type = headers.get('content-type') ?? ''
    if (status !== 200) {
      void response.body?.cancel()
      throw sseError('CZ_SSE_CLIENT_STATUS', `The server answered with ${status}; an event stream has 200`)
    }
    if (/^text\/event-stream\s*(;|$)/i.test(type)) return
    void response.body?.cancel()
    throw sseError('CZ_SSE_CLIENT_TYPE', `The answer is no event stream (got ${show(type)})`)
  }

  private failed(why: string, leastMs: number, cause?: unknown): number {
    this.failures++
    const { maxFailures = Infinity } = this.options
    if (this.failures <= maxFailures) return this.wait(leastMs)
    throw sseError(
      'CZ_SSE_CLIENT_LOST',
      `The server could not be reached ${this.failures} times in a row: ${why}`,
      cause,
    )
  }

  private wait(leastMs: number): number {
    const ms = Math.min(this.retryMs * 2 ** Math.max(0, this.failures - 1), Math.max(this.retryMs, LONGEST_RETRY_MS))
    return Math.max(ms * (0.5 + Math.random()), leastMs)
  }
}

/** What may be another answer in a while. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}

const FINAL = new Set(['CZ_SSE_CLIENT_STATUS', 'CZ_SSE_CLIENT_TYPE', 'CZ_SSE_CLIENT_LOST', 'CZ_SSE_CLIENT_DATA'])

function isFinal(error: unknown): boolean {
  return FINAL.has((error as { code?: string } | undefined)?.code ?? '')
}

function latin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}

/** A connection that says nothing for too long is dead: TCP alone may not tell for hours. */
class SilenceWatch {
  private readonly controller = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly ms: number | null) {
    this.start()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  start(): void {
    this.stop()
    if (this.ms === null) return
    this.timer = setTimeout(() => this.controller.abort(new Error(`nothing came for ${this.ms} ms`)), this.ms)
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}
