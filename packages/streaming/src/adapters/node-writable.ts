import { Writable } from 'node:stream'
import { streamError } from '../errors.ts'
import type { StreamItem } from '../source.ts'
import type { StreamWriter, WriterFace } from '../writer.ts'

interface Chunk {
  readonly chunk: string | Uint8Array
  readonly encoding: BufferEncoding
}

/**
 * A writer as a `Writable` of Node, to pipe into: csv-stringify, archiver, zlib.
 *
 * It takes no more than the client does. The stream lasts until it has ended and the writer's callback has returned, so an
 * unawaited `archive.pipe(nodeWritable(w))` arrives whole. Destroying it before its end breaks the response off, and when the
 * response ends early it is destroyed, with that error: `pipeline()` then destroys what is piped in, `pipe()` does not.
 *
 * @example
 * ```ts
 * StreamingResponse.fromWriter((w) => pipeline(rows, stringify(), nodeWritable(w)), { contentType: 'text/csv' })
 * ```
 */
export function nodeWritable(writer: StreamWriter): Writable {
  return new WriterStream(writer)
}

class WriterStream extends Writable {
  private readonly face: WriterFace

  constructor(writer: StreamWriter) {
    super({ decodeStrings: false })
    // A client that leaves is no failure of the process. Who pipes with pipeline() is told, and so is the response's after().
    this.on('error', () => {})
    this.face = writer.openFace((reason) => this.destroy(reason as Error))
  }

  override _write(chunk: Chunk['chunk'], encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.face.write(toItem({ chunk, encoding })).then(() => callback(), callback)
  }

  /** What has come together, corked or while the client was behind: written in one go, it shares frames. */
  override _writev(chunks: Chunk[], callback: (error?: Error) => void): void {
    this.writeAll(chunks).then(() => callback(), callback)
  }

  override _final(callback: () => void): void {
    this.face.close()
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.face.fail(
      error ?? streamError('CZ_STREAM_SOURCE', 'The Writable of a response was destroyed before its end()'),
    )
    callback(error)
  }

  private async writeAll(chunks: Chunk[]): Promise<void> {
    for (const chunk of chunks) await this.face.write(toItem(chunk))
  }
}

/** Text goes out as UTF-8; in another encoding it stands for bytes. */
function toItem({ chunk, encoding }: Chunk): StreamItem {
  if (typeof chunk !== 'string' || encoding === 'utf8' || encoding === 'utf-8') return chunk
  return Buffer.from(chunk, encoding)
}
