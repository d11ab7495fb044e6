import type { StreamOptions } from '@catzilla/streaming'
import { defined, rejectUnknown, show } from '@catzilla/streaming/format'
import { jsonlEncoder } from './encode.ts'
import { jsonlError } from './errors.ts'

/** What becomes of a row that has no JSON: `undefined`, a function or a symbol. */
export type UndefinedRows = 'throw' | 'skip' | 'null'

/** Makes the text of a row. `undefined` stands for a row that has no JSON. */
export type Serialize<Row> = (row: Row) => string | undefined

export interface JsonlOptions<Row = unknown> extends Pick<
  StreamOptions<never>,
  'status' | 'headers' | 'highWaterMark' | 'deadlines'
> {
  /**
   * The media type. None is registered for this format: `application/x-ndjson` and `application/jsonl` are both in use.
   * @defaultValue 'application/x-ndjson'
   */
  contentType?: string
  /**
   * Makes the text of a row, in one line: a serializer compiled from a schema, or `JSON.stringify` with a replacer.
   * @defaultValue JSON.stringify
   */
  serialize?: Serialize<Row>
  /**
   * What becomes of a row that has no JSON: `undefined`, a function or a symbol.
   * @defaultValue 'throw'
   */
  undefinedRows?: UndefinedRows
}

export const DEFAULTS = Object.freeze({
  status: undefined,
  headers: undefined,
  highWaterMark: undefined,
  deadlines: undefined,
  contentType: 'application/x-ndjson',
  serialize: undefined,
  undefinedRows: 'throw',
})

type JsonlStreamOptions = StreamOptions<unknown> & { encoder: () => { encode(row: unknown): string } }

/**
 * Fills in the defaults, and says how rows become a stream.
 *
 * @throws {TypeError} `CZ_JSONL_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveOptions(options: JsonlOptions<never> = {}): JsonlStreamOptions {
  rejectUnknown(options, DEFAULTS, badOption)
  const { serialize, undefinedRows = DEFAULTS.undefinedRows, contentType = DEFAULTS.contentType } = options
  if (serialize !== undefined && typeof serialize !== 'function') {
    throw badOption(`serialize must be a function (got ${show(serialize)})`)
  }
  if (undefinedRows !== 'throw' && undefinedRows !== 'skip' && undefinedRows !== 'null') {
    throw badOption(`undefinedRows must be 'throw', 'skip' or 'null' (got ${show(undefinedRows)})`)
  }
  const { status, headers, highWaterMark, deadlines } = options
  // The result of JSON.stringify needs no checks.
  const checked = serialize === JSON.stringify ? undefined : (serialize as Serialize<unknown> | undefined)
  return {
    contentType,
    encoder: () => ({ encode: jsonlEncoder(undefinedRows, checked) }),
    ...defined({ status, headers, highWaterMark, deadlines }),
  }
}

function badOption(message: string): Error {
  return jsonlError('CZ_JSONL_OPTION', message)
}
