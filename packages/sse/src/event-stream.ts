import { StreamingResponse, type AfterCallback, type OpenedStream, type StreamRequest } from '@catzilla/streaming'
import { formFor } from './accept.ts'
import type { ResolvedSseOptions } from './options.ts'

/** What a stream of events begins with, once its client is known. */
export interface Begun {
  /** `null` where there is nothing to come: 204, after which no client reconnects. */
  readonly source: unknown
  readonly encoder: OpenedStream['encoder']
  /** Runs when the stream has ended, however it ended. */
  readonly after?: AfterCallback
}

/**
 * What all event streams have in common: the head, who gets which form, and how long they live.
 *
 * @internal
 */
export abstract class EventStream<Item> extends StreamingResponse<Item> {
  constructor(protected readonly settings: ResolvedSseOptions) {
    super(NOTHING, settings.stream as never)
  }

  /** Begins the stream; not called for HEAD. What it throws is answered as an error of the server. */
  protected abstract begin(request: StreamRequest): Begun

  /** The same as JSON, for `accept: 'dual'`. */
  protected abstract json(request: StreamRequest): Begun

  override open(request: StreamRequest): OpenedStream {
    const { settings } = this
    const opened = super.open(request)
    const form = formFor(request.headers.get('accept'), settings.accept)
    if (form === undefined) return notAcceptable(opened, settings.accept === 'dual')
    const shaped = form === 'json' ? asJson(opened) : withMaxAge(opened, settings.maxAgeMs)
    if (request.method === 'HEAD') return shaped
    try {
      const { source, encoder, after } = form === 'json' ? this.json(request) : this.begin(request)
      if (source === null) return noContent(opened)
      const { options } = shaped
      const ended = after === undefined ? options : { ...options, after: [...options.after, after] }
      return { ...shaped, source, encoder, options: ended }
    } catch (error) {
      return failing(opened, error)
    }
  }
}

const NOTHING: readonly never[] = Object.freeze([])

/** Up to a fifth less, by chance. */
function withMaxAge(opened: OpenedStream, maxAgeMs: number | null): OpenedStream {
  if (maxAgeMs === null) return opened
  const totalMs = Math.ceil(maxAgeMs * (1 - Math.random() / 5))
  const { options } = opened
  return { ...opened, options: { ...options, deadlines: { ...options.deadlines, totalMs } } }
}

/** A stream that is none of events: whole at once, or at its own pace, but without their heartbeats. */
function plain(opened: OpenedStream, source: unknown): OpenedStream {
  return {
    ...opened,
    source,
    encoder: undefined,
    options: { ...opened.options, head: 'first-item', heartbeat: undefined },
  }
}

function asJson(opened: OpenedStream): OpenedStream {
  return { ...plain(opened, NOTHING), fields: retyped(opened, 'application/json') }
}

/** RFC 9110 §15.5.7 asks for a list of what there is. */
function notAcceptable(opened: OpenedStream, json: boolean): OpenedStream {
  const types = json ? 'text/event-stream or application/json' : 'text/event-stream'
  return { ...plain(opened, `Accept ${types}\n`), status: 406, fields: retyped(opened, 'text/plain; charset=utf-8') }
}

/** WHATWG HTML, "Server-sent events": a client that is answered with 204 stays away. */
function noContent(opened: OpenedStream): OpenedStream {
  const fields = opened.fields.filter(([name]) => name !== 'content-type')
  return { ...plain(opened, NOTHING), status: 204, fields }
}

/** The error comes out of the source, before a head is sent: hosts answer it with its status, and `after()` runs. */
function failing(opened: OpenedStream, error: unknown): OpenedStream {
  return plain(opened, () => {
    throw error
  })
}

function retyped({ fields }: OpenedStream, type: string): OpenedStream['fields'] {
  return fields.map((field) => (field[0] === 'content-type' ? ['content-type', type] : field))
}
