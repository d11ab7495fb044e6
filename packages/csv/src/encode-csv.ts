import { CsvEncoder } from './encode.ts'
import { resolveFormat, type CsvFormatOptions } from './options.ts'
import { TextOutput } from './record-output.ts'
import type { RowsOnly } from './rows.ts'

/**
 * The whole file as text, without a stream: for small tables, files and tests.
 *
 * @example
 * ```ts
 * encodeCsv([{ id: 1, name: 'Müller, "Bob"' }]) // 'id,name\r\n1,"Müller, ""Bob"""\r\n'
 * ```
 * @throws {TypeError} as `csv()` does.
 */
export function encodeCsv<Row>(rows: Iterable<Row> & RowsOnly<Row>, options?: CsvFormatOptions<Row>): string {
  const format = resolveFormat(options)
  const encoder = new CsvEncoder(format)
  const out = new TextOutput(encoder.fields, format)
  for (const row of rows) encoder.write(row, out)
  encoder.finish(out)
  return out.take()
}
