import { StreamingResponse, type StreamSource } from '@catzilla/streaming'
import { resolveOptions, type JsonlOptions } from './options.ts'

/**
 * JSON Lines: each row is one line of JSON, written while rows are produced.
 *
 * @example
 * ```ts
 * app.get('/users.jsonl', () => jsonl(db.iterate('select …')))
 * ```
 * @throws {TypeError} `CZ_JSONL_OPTION` for bad options. A row that has no form in JSON breaks the stream with
 * `CZ_JSONL_UNDEFINED`, `CZ_JSONL_BIGINT`, `CZ_JSONL_CIRCULAR`, `CZ_JSONL_ROW`, `CZ_JSONL_SERIALIZE` or `CZ_JSONL_NEWLINE`, naming
 * the row; the client never takes what it got for the whole.
 * @see https://jsonlines.org
 */
export function jsonl<Row>(source: StreamSource<Row>, options?: JsonlOptions<Row>): StreamingResponse<unknown> {
  return new StreamingResponse<unknown>(source, resolveOptions(options))
}
