import { checkStatus, toFields, type FieldList } from './head.ts'
import { DEFAULTS, resolveOptions, type ItemEncoder, type ResolvedOptions, type StreamOptions } from './options.ts'
import type { AfterCallback } from './outcome.ts'
import { rememberLast } from './remember-last.ts'
import type { StreamRequest } from './sink.ts'
import type { StreamItem, StreamSource } from './source.ts'
import { writerSource, type StreamWriter } from './writer.ts'

const BRAND = Symbol.for('catzilla.streaming-response')

/** A response opened against one request: all that a pump needs. */
export interface OpenedStream {
  readonly status: number
  readonly fields: FieldList
  readonly source: unknown
  readonly options: ResolvedOptions
  readonly encoder: ItemEncoder<never> | undefined
}

/** Items that need no `encode`, or a source of anything together with one. */
type OptionsFor<Item> = [Item] extends [StreamItem]
  ? [options?: StreamOptions<Item>]
  : [options: StreamOptions<Item> & EncodedBy<Item>]
type EncodedBy<Item> =
  | { encode: (item: Item) => StreamItem }
  | { encoder: (request: StreamRequest) => ItemEncoder<Item> & { encode(item: Item): StreamItem } }

/**
 * A response whose body is produced while it is sent. It has no transport in it: every host sends it through its own
 * small adapter, and every format helper returns one.
 *
 * @example
 * ```ts
 * app.get('/slow', () => new StreamingResponse(rows(), { contentType: 'text/plain; charset=utf-8' }))
 * ```
 */
export class StreamingResponse<Item = StreamItem> {
  readonly status: number
  readonly fields: FieldList
  protected readonly source: unknown
  protected readonly options: ResolvedOptions
  private callbacks: AfterCallback[] | undefined

  // Bytes come first: as an iterable of numbers they would ask for an encode.
  constructor(source: StreamItem, options?: StreamOptions<StreamItem>)
  constructor(source: StreamSource<Item>, ...options: OptionsFor<Item>)
  constructor(source: StreamSource<Item>, options?: StreamOptions<Item>) {
    const { resolved, status, fields } = options === undefined ? PLAIN : prepare(options)
    this.options = resolved
    this.status = status
    this.fields = fields
    this.source = source
  }

  /**
   * A response written like a file. The stream ends when `produce` returns (or calls `close()`); `await`ing a write
   * holds the producer back to the speed of the client.
   *
   * @example
   * ```ts
   * StreamingResponse.fromWriter(async (w) => {
   *   for await (const row of rows) await w.writeln(row.join('\t'))
   * })
   * ```
   */
  static fromWriter(
    produce: (writer: StreamWriter, request: StreamRequest) => unknown,
    options?: StreamOptions<StreamItem>,
  ): StreamingResponse {
    return new StreamingResponse(writerSource(produce) as unknown as StreamSource<StreamItem>, options)
  }

  /** Runs `callback` when the stream has ended, however it ended; an unopened response never calls it. */
  after(callback: AfterCallback): this {
    ;(this.callbacks ??= []).push(callback)
    return this
  }

  /** Binds the response to the request that it answers. Helpers that look at the request override this. */
  open(request: StreamRequest): OpenedStream {
    const { status, fields, source, options, callbacks } = this
    return {
      status,
      fields,
      source,
      options: callbacks === undefined ? options : { ...options, after: callbacks },
      encoder: options.encoder?.(request),
    }
  }
}
Object.defineProperty(StreamingResponse.prototype, BRAND, { value: true })

/** Whether `value` is a streaming response, whichever copy or format (ESM, CJS) of the package made it. */
export function isStreamingResponse(value: unknown): value is StreamingResponse<unknown> {
  return typeof value === 'object' && value !== null && BRAND in value
}

interface Prepared {
  readonly resolved: ResolvedOptions
  readonly status: number
  readonly fields: FieldList
}

const prepare = rememberLast((options: StreamOptions<never>): Prepared => {
  const resolved = resolveOptions(options)
  return { resolved, status: checkStatus(resolved.status), fields: fieldsOf(resolved) }
})

/** Most responses differ in nothing but their type, so the checked fields of a type are kept. */
const fieldsByType = new Map<string, FieldList>()
const KEPT_TYPES = 64

function fieldsOf({ contentType, headers }: ResolvedOptions): FieldList {
  if (headers !== undefined) {
    const fields = toFields(headers)
    const typed = fields.some(([name]) => name === 'content-type')
    return typed ? fields : [...toFields([['content-type', contentType]]), ...fields]
  }
  let fields = fieldsByType.get(contentType)
  if (fields === undefined) {
    fields = Object.freeze(toFields([['content-type', contentType]]))
    if (fieldsByType.size < KEPT_TYPES) fieldsByType.set(contentType, fields)
  }
  return fields
}

const PLAIN: Prepared = { resolved: DEFAULTS, status: DEFAULTS.status, fields: fieldsOf(DEFAULTS) }
