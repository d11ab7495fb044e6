import { CsvEncoder } from './encode.ts'
import { resolveFormat, type CsvFormatOptions, type ResolvedOptions } from './options.ts'
import { ByteOutput } from './record-output.ts'

/** Bytes are handed on when there are so many, so that a chunk is worth its price, */
const CHUNK_BYTES = 16 * 1024
/** or after so long, so that a slow source is seen. */
const CHUNK_MS = 5

/** Rows in, chunks of bytes out, whatever carries them. @internal */
export class CsvChunker {
  private readonly encoder: CsvEncoder
  private readonly out: ByteOutput
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly emitRest = () => {
    this.timer = undefined
    if (this.out.size > 0) this.emit(this.out.take())
  }

  constructor(
    format: ResolvedOptions,
    private readonly emit: (chunk: Uint8Array) => void,
  ) {
    this.encoder = new CsvEncoder(format)
    this.out = new ByteOutput(this.encoder.fields, format)
  }

  write(row: unknown): void {
    this.encoder.write(row, this.out)
    if (this.out.size >= CHUNK_BYTES) this.emit(this.out.take())
    else this.timer ??= setTimeout(this.emitRest, CHUNK_MS)
  }

  finish(): void {
    this.stop()
    this.encoder.finish(this.out)
    this.emitRest()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}

/**
 * A web `TransformStream` from rows to UTF-8, in chunks of about 16 KiB. `csvTransform()` of `@catzilla/csv/node` is the same for
 * streams of Node.
 *
 * @example
 * ```ts
 * await rows.pipeThrough(csvTransformStream({ profile: 'excel' })).pipeTo(file)
 * ```
 * @throws {TypeError} `CZ_CSV_OPTION`. A row that has no form in CSV errors the stream, as it breaks that of `csv()`.
 */
export function csvTransformStream<Row = unknown>(options?: CsvFormatOptions<Row>): TransformStream<Row, Uint8Array> {
  const format = resolveFormat(options)
  let chunker: CsvChunker
  const transformer = {
    start(controller: TransformStreamDefaultController<Uint8Array>) {
      chunker = new CsvChunker(format, (chunk) => controller.enqueue(chunk))
    },
    transform(row: Row) {
      try {
        chunker.write(row)
      } catch (error) {
        chunker.stop()
        throw error
      }
    },
    flush() {
      chunker.finish()
    },
    cancel() {
      chunker.stop()
    },
  }
  return new TransformStream(transformer)
}
