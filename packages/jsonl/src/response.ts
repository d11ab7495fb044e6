import { StreamingResponse, type OpenedStream, type StreamRequest, type StreamSource } from '@catzilla/streaming'
import { openRows } from '@catzilla/streaming/format'
import { framing } from './frames.ts'
import { negotiate } from './negotiate.ts'
import { resolveOptions, type JsonlOptions, type ResolvedOptions } from './options.ts'
import { JsonRows } from './rows.ts'
import { stringifier, type Stringify } from './serialize.ts'

/**
 * JSON, a record for each row, written while rows are produced: as lines, or in the frame that is chosen.
 *
 * A value in a row that comes bit by bit (a generator, an iterable, a stream) is an array, and sent while it comes.
 *
 * @example
 * ```ts
 * app.get('/users.jsonl', () => jsonl(db.iterate('select …')))
 * app.get('/users', () => jsonl(db.iterate('select …'), { frame: ['array', 'ndjson', 'event-stream'] }))
 * ```
 * @throws {TypeError} `CZ_JSONL_OPTION` for bad options. A row that has no form in JSON breaks the stream with
 * `CZ_JSONL_UNDEFINED`, `CZ_JSONL_BIGINT`, `CZ_JSONL_CIRCULAR`, `CZ_JSONL_ROW`, `CZ_JSONL_SERIALIZE` or `CZ_JSONL_NEWLINE`, naming
 * the row; the client never takes what it got for the whole.
 * @see https://jsonlines.org, RFC 7464
 */
export function jsonl<Row>(source: StreamSource<Row>, options?: JsonlOptions<Row>): StreamingResponse<unknown> {
  return new JsonResponse(source, resolveOptions(options))
}

class JsonResponse extends StreamingResponse<unknown> {
  private readonly stringify: Stringify

  constructor(
    source: unknown,
    private readonly settings: ResolvedOptions,
  ) {
    super(source as StreamSource<unknown>, { ...settings.stream, encode: String })
    this.stringify = stringifier(settings.rules)
  }

  override open(request: StreamRequest): OpenedStream {
    const { settings, stringify } = this
    const { envelope, endMarker, frames, negotiated } = settings
    const opened = super.open(request)
    const chosen = negotiated
      ? negotiate(request.headers.get('accept'), frames)
      : { frame: frames[0]!, mediaType: undefined }
    const rows = new JsonRows({
      ...settings,
      stringify,
      framing: framing(chosen.frame, { stringify, envelope, endMarker }),
    })
    return openRows({ ...opened, fields: fieldsFor(chosen, opened.fields) }, request, rows)
  }
}

type Fields = OpenedStream['fields']

/** The caller's own fields stay as they are, apart from the type that the client chose. */
function fieldsFor({ frame, mediaType }: { frame: string; mediaType: string | undefined }, fields: Fields): Fields {
  const added: [string, string][] = []
  if (frame === 'event-stream') added.push(['cache-control', 'no-store, no-transform'], ['x-accel-buffering', 'no'])
  const names = new Set(fields.map(([name]) => name))
  const missing = added.filter(([name]) => !names.has(name))
  if (mediaType === undefined) return missing.length === 0 ? fields : [...fields, ...missing]
  const others = fields.filter(([name]) => name !== 'content-type')
  return [['content-type', mediaType], ...others, ...missing, ['vary', 'Accept']]
}
