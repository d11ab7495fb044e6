import { StreamingResponse, type OpenedStream, type StreamRequest, type StreamSource } from '@catzilla/streaming'
import { openRows, type RowEncoder } from '@catzilla/streaming/format'
import { CsvEncoder } from './encode.ts'
import { resolveOptions, type CsvOptions, type ResolvedOptions } from './options.ts'
import { ByteOutput, TextOutput } from './record-output.ts'
import type { RowsOnly } from './rows.ts'

/**
 * A CSV body (`text/csv`), written while its rows are produced.
 *
 * Rows are objects (the keys of the first one are the columns, unless `columns` names them) or arrays. Text is quoted where
 * RFC 4180 needs it; `null` and `undefined` are empty; dates are ISO 8601 in UTC, numbers and booleans as JavaScript writes them,
 * other objects JSON.
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
  const { stream, ...format } = resolveOptions(options)
  return new CsvResponse(source, stream, format)
}

class CsvResponse extends StreamingResponse<unknown> {
  constructor(
    source: unknown,
    stream: ReturnType<typeof resolveOptions>['stream'],
    private readonly format: ResolvedOptions,
  ) {
    super(source as StreamSource<unknown>, { ...stream, encode: String })
  }

  override open(request: StreamRequest): OpenedStream {
    return openRows(super.open(request), request, new CsvRows(this.format))
  }
}

/** One opened response: rows in batches and rows one by one go through the same encoder, which knows the columns. */
class CsvRows implements RowEncoder {
  private readonly encoder: CsvEncoder
  private readonly text: TextOutput
  private readonly bytes: ByteOutput

  constructor(format: ResolvedOptions) {
    this.encoder = new CsvEncoder(format)
    this.text = new TextOutput(this.encoder.fields, format)
    this.bytes = new ByteOutput(this.encoder.fields, format)
  }

  get size(): number {
    return this.bytes.size
  }

  encode(row: unknown): string {
    this.encoder.write(row, this.text)
    return this.text.take()
  }

  add(row: unknown): void {
    this.encoder.write(row, this.bytes)
  }

  takeBatch(): Uint8Array {
    return this.bytes.take()
  }

  tail(): string {
    this.encoder.finish(this.text)
    return this.text.take()
  }
}
