import type { StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, show } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'
import { MEDIA_TYPES, type Envelope, type Frame } from './frames.ts'
import type { BigIntPolicy, DatePolicy, EscapePolicy, Rules } from './serialize.ts'

/** What becomes of a row that has no JSON: `undefined`, a function or a symbol. */
export type UndefinedRows = 'throw' | 'skip' | 'null'

/** Makes the text of a row. `undefined` stands for a row that has no JSON. */
export type Serialize<Row> = (row: Row) => string | undefined

/**
 * What the client sees of a failure behind the first row: a body that breaks off; or one that says so, with the error's code, or with
 * what a function makes of the error.
 */
export type FailurePolicy = 'abort' | 'tell' | ((error: unknown) => unknown)

export interface JsonlOptions<Row = unknown> extends Pick<
  StreamOptions<never>,
  'status' | 'headers' | 'highWaterMark' | 'deadlines'
> {
  /**
   * How records follow one another. Of a list, the client's `Accept` chooses, and the first where it does not mind.
   *
   * - `ndjson`: a line each (`application/x-ndjson`).
   * - `json-seq`: between RS and LF (`application/json-seq`, RFC 7464).
   * - `array`: one JSON array (`application/json`).
   * - `envelope`: one JSON object, see `envelope` (`application/json`).
   * - `event-stream`: an event each, for `EventSource` (`text/event-stream`).
   *
   * @defaultValue 'ndjson'
   * @throws (when the response is opened) `CZ_JSONL_ACCEPT` with status 406, where the client takes none of the list.
   */
  frame?: Frame | readonly Frame[]
  /** Frame `envelope`: what comes before and behind the rows. */
  envelope?: Envelope
  /**
   * The media type, where there is one frame. None is registered for lines: `application/x-ndjson` and `application/jsonl` are both in
   * use.
   */
  contentType?: string
  /**
   * Makes the text of a row, in one line: a serializer compiled from a schema, or `JSON.stringify` with a replacer. Without it, rows
   * are what JSON.stringify makes of them, by a writer that learns their shape.
   */
  serialize?: Serialize<Row>
  /**
   * What becomes of a row that has no JSON: `undefined`, a function or a symbol.
   * @defaultValue 'throw'
   */
  undefinedRows?: UndefinedRows
  /**
   * What becomes of a BigInt: an error, its digits as text, or its digits as a number, of which most readers lose those beyond the
   * sixteenth.
   * @defaultValue 'throw'
   */
  bigint?: BigIntPolicy
  /**
   * Dates as ISO 8601, or as milliseconds since 1970.
   * @defaultValue 'iso'
   */
  date?: DatePolicy
  /**
   * What is escaped beyond what JSON needs: the line separators U+2028 and U+2029 (`javascript`), or those and `<` (`html`), so that
   * the text can stand in a `<script>` of a page.
   * @defaultValue 'none'
   */
  escape?: EscapePolicy
  /**
   * What the client sees of a failure behind the first row. Before it, there is always an error status.
   * @defaultValue 'abort'
   */
  failure?: FailurePolicy
  /**
   * Frames `ndjson`, `json-seq`, `event-stream`: a last record says that the body is whole, for clients that cannot see whether the
   * connection ended well. The others say so by their last bracket.
   * @defaultValue false
   */
  endMarker?: boolean
}

export const DEFAULTS = Object.freeze({
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  frame: 'ndjson',
  envelope: undefined,
  contentType: undefined,
  serialize: undefined,
  undefinedRows: 'throw',
  bigint: 'throw',
  date: 'iso',
  escape: 'none',
  failure: 'abort',
  endMarker: false,
} as const)

const ENVELOPE: Record<keyof Envelope, true> = { head: true, key: true, tail: true }

/** Options after checking, with every default in place. */
export interface ResolvedOptions {
  readonly frames: readonly Frame[]
  /** The client's Accept chooses. */
  readonly negotiated: boolean
  readonly envelope: Envelope
  readonly rules: Rules
  readonly serialize: Serialize<unknown> | undefined
  readonly undefinedRows: UndefinedRows
  readonly failure: FailurePolicy
  readonly endMarker: boolean
  readonly stream: StreamOptions<unknown>
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} `CZ_JSONL_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveOptions<Row>(options: JsonlOptions<Row> = {}): ResolvedOptions {
  rejectUnknown(options, DEFAULTS, badOption)
  const { frame, contentType, envelope = {}, serialize, ...given } = { ...DEFAULTS, ...defined(options) }
  const { undefinedRows, bigint, date, escape, failure, endMarker } = given
  const frames = typeof frame === 'string' ? [frame] : frame
  if (!Array.isArray(frames) || frames.length === 0) {
    throw badOption(`frame must be a frame or a list of frames (got ${show(frame)})`)
  }
  for (const each of frames) requireOneOf('frame', each, Object.keys(MEDIA_TYPES))
  if (contentType !== undefined && frames.length > 1) {
    throw badOption('contentType is for one frame; of a list, the client chooses the type')
  }
  rejectUnknown(envelope, ENVELOPE, badOption, 'part of an envelope')
  if (serialize !== undefined && typeof serialize !== 'function') {
    throw badOption(`serialize must be a function (got ${show(serialize)})`)
  }
  requireOneOf('undefinedRows', undefinedRows, ['throw', 'skip', 'null'])
  requireOneOf('bigint', bigint, ['throw', 'string', 'number'])
  requireOneOf('date', date, ['iso', 'milliseconds'])
  requireOneOf('escape', escape, ['none', 'javascript', 'html'])
  requireOneOf('endMarker', endMarker, [true, false])
  if (typeof failure !== 'function') requireOneOf('failure', failure, ['abort', 'tell'])
  // Compiled serializers have rules of their own; that of JSON.stringify are ours, and its result needs no checks.
  const own = serialize === (JSON.stringify as unknown) ? undefined : (serialize as Serialize<unknown> | undefined)
  if (own !== undefined && (bigint !== 'throw' || date !== 'iso' || escape !== 'none')) {
    throw badOption('bigint, date and escape are rules of our own serializer; leave them out, or serialize')
  }
  const { status, headers, highWaterMark, deadlines } = options
  return {
    frames: frames as readonly Frame[],
    negotiated: typeof frame !== 'string',
    envelope,
    rules: { bigint, date, escape },
    serialize: own,
    undefinedRows,
    failure,
    endMarker,
    stream: {
      contentType: contentType ?? MEDIA_TYPES[frames[0] as Frame][0]!,
      ...defined({ status, headers, highWaterMark, deadlines }),
    },
  }
}

function requireOneOf(name: string, value: unknown, values: readonly unknown[]): void {
  if (values.includes(value)) return
  throw badOption(`${name} must be ${values.map((each) => JSON.stringify(each)).join(' or ')} (got ${show(value)})`)
}

function badOption(message: string): Error {
  return jsonlError('CZ_JSONL_OPTION', message)
}
