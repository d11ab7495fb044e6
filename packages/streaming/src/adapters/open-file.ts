import { open, type FileHandle } from 'node:fs/promises'
import { show, streamError } from '../errors.ts'
import { FILE, type FileRange, type FileSource } from '../file.ts'

/** Part of a file, in bytes. */
export interface FilePart {
  /**
   * Offset of the first byte.
   * @defaultValue 0
   */
  readonly start?: number
  /**
   * Offset behind the last byte.
   * @defaultValue the size of the file
   */
  readonly end?: number
}

/** Where a transport cannot send files itself, they are read in pieces of this size. */
const PIECE_BYTES = 64 * 1024

/**
 * Opens a file as the source of a response, which then has its length for a `Content-Length`. The native engine has the kernel
 * send it; other hosts read it. It is closed when the response has ended, however it ended.
 *
 * @throws (rejects) what `fs.open` fails with (`ENOENT` …); `CZ_STREAM_SOURCE` for what is no regular file, and for a part
 * that does not lie within it.
 * @example
 * ```ts
 * app.get('/download', async () => new StreamingResponse(await openFile('export.zip'), { contentType: 'application/zip' }))
 * ```
 */
export async function openFile(path: string | URL, part: FilePart = {}): Promise<OpenFile> {
  const handle = await open(path, 'r')
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw streamError('CZ_STREAM_SOURCE', `${show(path)} is no regular file`)
    const { start = 0, end = stats.size } = part
    const inside = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= stats.size
    if (!inside) {
      const wanted = `bytes ${show(start)} to ${show(end)}`
      throw streamError('CZ_STREAM_SOURCE', `${show(path)} has ${stats.size} bytes, and not ${wanted}`)
    }
    return new OpenFile(handle, stats.size, { fd: handle.fd, start, length: end - start })
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** An open file, or a part of one, as a source. It can be sent once. */
export class OpenFile implements AsyncIterableIterator<Uint8Array, undefined>, FileSource {
  /** @internal */
  readonly [FILE]: FileRange
  private position: number
  private closing: Promise<void> | undefined

  /** @internal */
  constructor(
    private readonly handle: FileHandle,
    /** Bytes of the whole file. */
    readonly size: number,
    range: FileRange,
  ) {
    this[FILE] = range
    this.position = range.start
  }

  /** Bytes that are sent. */
  get length(): number {
    return this[FILE].length
  }

  /** @throws (rejects) `CZ_STREAM_LENGTH` when the file has become shorter than it was. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { start, length } = this[FILE]
    const left = start + length - this.position
    if (left === 0 || this.closing !== undefined) return this.return()
    const piece = Buffer.allocUnsafeSlow(Math.min(left, PIECE_BYTES))
    const { bytesRead } = await this.handle.read(piece, 0, piece.length, this.position)
    if (bytesRead === 0) {
      await this.close()
      throw streamError('CZ_STREAM_LENGTH', `The file became ${left} bytes shorter while it was sent`)
    }
    this.position += bytesRead
    return { done: false, value: piece.subarray(0, bytesRead) }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /** For a file that is not sent after all. */
  close(): Promise<void> {
    return (this.closing ??= this.handle.close())
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
