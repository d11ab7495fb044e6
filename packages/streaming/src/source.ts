import { show, streamError } from './errors.ts'
import type { ItemEncoder, ResolvedOptions } from './options.ts'
import type { StreamRequest, StreamSink } from './sink.ts'
import type { JoinTerms } from './topic/join.ts'
import { isWriterSource } from './writer.ts'

/** What a stream sends as it is: text goes out as UTF-8. */
export type StreamItem = string | ArrayBufferView

/**
 * Anything that gives items one after another. A function is called when the stream starts, not before; a promise given by
 * a sync generator is awaited, as `for await` does.
 */
export type StreamSource<T> =
  | Iterable<T | PromiseLike<T>>
  | AsyncIterable<T>
  | Iterator<T | PromiseLike<T>, unknown>
  | AsyncIterator<T, unknown>
  | ReadableStream<T>
  | BodyLike
  | StreamItem
  | ((request: StreamRequest) => StreamSource<T>)

/** A web `Response`, `Request` or `Blob`: its bytes are the items. */
type BodyLike = { readonly body: ReadableStream<Uint8Array> | null } | { stream(): ReadableStream<Uint8Array> }

/** The one form the pump reads: `next()` gives a result or a promise of one. */
export interface ItemIterator {
  next(): IteratorResult<unknown, unknown> | PromiseLike<IteratorResult<unknown, unknown>>
  /** Releases the source; called at once when the stream ends early. */
  return?(): unknown
  /** Its items have the form of the wire, and are shared with others. @internal */
  readonly encoded?: boolean
  /** For a source that may have to break its stream off while nobody asks it for an item. */
  attach?(stream: StoppableStream): void
  /** Goes on in the sink, which reads the source itself from here on. Gives the terms where it does. @internal */
  join?(sink: StreamSink, options: ResolvedOptions, encoder: ItemEncoder<never> | undefined): JoinTerms | undefined
}

/** The stream that a source feeds. */
export interface StoppableStream {
  stop(outcome: 'shutdown' | 'timeout' | 'source-error', reason: unknown): void
  /** An item in shared memory is not needed any more when the next is asked for. */
  readonly copiesShared: boolean
}

/**
 * What a source has that a pump can read without a promise for each item.
 *
 * @internal
 */
export const JOIN: unique symbol = Symbol.for('catzilla.join')

/** @internal */
export interface JoinableSource {
  [JOIN](): ItemIterator
}

/**
 * Brings a source to one form. Nothing is read and no generator body runs here, except that functions are called.
 *
 * @throws {TypeError} `CZ_STREAM_SOURCE` for what cannot be iterated.
 * @internal
 */
export function toItemIterator(source: unknown, request: StreamRequest): ItemIterator {
  let value = source
  while (typeof value === 'function') value = (value as (request: StreamRequest) => unknown)(request)
  if (typeof value === 'string' || ArrayBuffer.isView(value)) return [value][Symbol.iterator]()
  if (typeof value !== 'object' || value === null) throw badSource(value)
  if (JOIN in value) return (value as JoinableSource)[JOIN]()

  if (isReadableStream(value)) return fromReadableStream(value)
  if (Symbol.asyncIterator in value) {
    const iterator = (value as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    return 'destroy' in value ? fromNodeReadable(value as unknown as NodeReadable, iterator) : iterator
  }
  if (Symbol.iterator in value) return (value as Iterable<unknown>)[Symbol.iterator]()
  const body = bodyOf(value)
  if (body !== undefined) return fromReadableStream(body)
  if (typeof (value as Partial<ItemIterator>).next === 'function') return value as ItemIterator
  throw badSource(value)
}

/**
 * Releases a source that was never started (HEAD, a client that left before). A function is not called for it.
 *
 * @internal
 */
export function releaseSource(source: unknown, request: StreamRequest): unknown {
  if (typeof source === 'function' || isWriterSource(source)) return undefined
  return toItemIterator(source, request).return?.()
}

function badSource(value: unknown): Error {
  const what = 'A stream needs an iterable, async iterable, stream, string or bytes, or a function that gives one'
  const thenable = typeof (value as PromiseLike<unknown> | null)?.then === 'function'
  const cure = thenable ? 'a promise: await it first, or use an async generator' : show(value)
  return streamError('CZ_STREAM_SOURCE', `${what} (got ${cure})`)
}

/** By its shape: there are more classes of it than the global one. @internal */
export function isReadableStream(value: unknown): value is ReadableStream {
  return typeof (value as Partial<ReadableStream> | null | undefined)?.getReader === 'function'
}

function bodyOf(value: object): ReadableStream | undefined {
  if ('body' in value && 'headers' in value) {
    const { body } = value as Response
    if (body !== null) return body
    return new Blob([]).stream() // A bodiless Response is an empty stream.
  }
  if (typeof Blob !== 'undefined' && value instanceof Blob) return value.stream()
  return undefined
}

/** A reader and not the stream's async iterator: `cancel()` takes effect at once, even while a read is pending. */
function fromReadableStream(stream: ReadableStream): ItemIterator {
  let reader: ReadableStreamDefaultReader<unknown> | undefined
  const start = () => (reader ??= stream.getReader())
  return { next: () => start().read(), return: () => start().cancel() }
}

interface NodeReadable {
  destroy(): unknown
}

/**
 * A Node `Readable`'s own iterator queues `return()` behind a pending read, so a silent source would never hear that the
 * client left: destroying the stream ends that read.
 */
function fromNodeReadable(stream: NodeReadable, iterator: ItemIterator): ItemIterator {
  return {
    next: () => iterator.next(),
    return() {
      stream.destroy()
      return iterator.return?.()
    },
  }
}
