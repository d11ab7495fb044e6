import { StreamingResponse, type StreamSource } from '@catzilla/streaming'
import { CsvEncoder } from './encode.ts'
import { resolveOptions, type CsvOptions } from './options.ts'

/** Rows are arrays or objects; what is certain not to be one is refused by the compiler. */
type RowsOnly<Row> = unknown extends Row ? unknown : [Row] extends [object] ? unknown : CsvRowsMustBeArraysOrObjects
interface CsvRowsMustBeArraysOrObjects {
  readonly __error: 'csv() takes rows: arrays of fields, or objects with a key for each column'
}

/**
 * A CSV body (`text/csv`), written while its rows are produced.
 *
 * Rows are objects (the keys of the first one are the columns, unless `columns` names them) or arrays. Text is quoted where
 * RFC 4180 needs it; `null` and `undefined` are empty; dates are ISO 8601 in UTC, numbers and booleans as JavaScript writes them.
 *
 * @example
 * ```ts
 * app.get('/export.csv', () => csv(db.iterate('select …'), { filename: 'export.csv' }))
 * ```
 * @throws {TypeError} `CZ_CSV_OPTION` for bad options. A row that has no form in CSV breaks the stream with `CZ_CSV_ROW`,
 * `CZ_CSV_COLUMN`, `CZ_CSV_VALUE` or `CZ_CSV_FORMULA`, naming row and column; the client never takes what it got for the whole.
 * @see RFC 4180, RFC 7111
 */
export function csv<Row>(
  source: StreamSource<Row> & RowsOnly<Row>,
  options?: CsvOptions<Row>,
): StreamingResponse<unknown> {
  const settings = resolveOptions(options)
  return new StreamingResponse<unknown>(source, { ...settings.stream, encoder: () => new CsvEncoder(settings) })
}
