/** Bytes of an open file. */
export interface FileRange {
  /** File descriptor, open for reading; whoever made the range closes it. */
  readonly fd: number
  /** Offset of the first byte. */
  readonly start: number
  /** Bytes from there on. */
  readonly length: number
}

/**
 * What a source has that is a file: a sink with `sendFile()` takes the range, others read it as any source.
 *
 * @internal
 */
export const FILE: unique symbol = Symbol.for('catzilla.file')

/** @internal */
export interface FileSource {
  readonly [FILE]: FileRange
}

/** @internal */
export function isFileSource(source: unknown): source is FileSource {
  return typeof source === 'object' && source !== null && FILE in source
}
