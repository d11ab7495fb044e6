import { Transform } from 'node:stream'
import { resolveFormat, type CsvFormatOptions } from './options.ts'
import { CsvChunker } from './transform.ts'

/**
 * A Node `Transform` from rows to UTF-8, in chunks of about 16 KiB.
 *
 * @example
 * ```ts
 * await pipeline(cursor, csvTransform(), createWriteStream('rows.csv'))
 * ```
 * @throws {TypeError} `CZ_CSV_OPTION`. A row that has no form in CSV destroys the stream with its error.
 */
export function csvTransform<Row = unknown>(options?: CsvFormatOptions<Row>): Transform {
  const transform: Transform = new Transform({
    writableObjectMode: true,
    transform(row: unknown, _encoding, done) {
      attempt(() => chunker.write(row), done)
    },
    flush(done) {
      attempt(() => chunker.finish(), done)
    },
    destroy(error, done) {
      chunker.stop()
      done(error)
    },
  })
  const chunker = new CsvChunker(resolveFormat(options), (chunk) => transform.push(chunk))
  return transform
}

function attempt(work: () => void, done: (error?: Error | null) => void): void {
  try {
    work()
  } catch (error) {
    return done(error as Error)
  }
  done()
}
