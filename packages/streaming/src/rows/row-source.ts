import type { ItemEncoder } from '../options.ts'
import type { OpenedStream } from '../response.ts'
import { TURN_MS } from '../scheduler.ts'
import type { StreamRequest } from '../sink.ts'
import {
  JOIN,
  releaseSource,
  toItemIterator,
  type ItemIterator,
  type StoppableStream,
  type StreamItem,
} from '../source.ts'

// The first batch is small, so that a source that never pauses is seen at once. The largest is twice the largest frame of the pump: that
// takes a tenth off the price of a row (`tooling/bench`, scenario json-rows).
const FIRST_BATCH = 2 * 1024
const LARGEST_BATCH = 64 * 1024
const BATCH_GROWTH = 4
const LARGEST_CLOCK_STEP = 128

/** Stands for all that was added to the encoder since the last one. */
const BATCH = Symbol('batch')
/** Stands for what failed inside a batch, behind what came before it. */
const FAILURE = Symbol('failure')

/** Makes text or bytes of rows: those that are there without waiting in batches, the others one by one. */
export interface RowEncoder extends ItemEncoder<unknown> {
  encode(row: unknown): StreamItem
  /** Adds a row to the batch. A row that fails leaves nothing in it. */
  add(row: unknown): void
  /** Bytes in the batch, or about so many. */
  readonly size: number
  takeBatch(): StreamItem
  /** The rest of the row before, where it comes in parts; asked for after each row. */
  rest?(): ItemIterator | undefined
  /** The source or a row has failed: `true` where the batch says so now, and the stream is to end well. */
  readonly failed?: ((error: unknown) => boolean) | undefined
}

/**
 * An opened response whose source gives rows. Rows that a source has at hand are encoded in one loop, straight into bytes: neither
 * is a string made of each, nor does each go through the pump (`packages/csv/bench/encode.mjs` says what that saves).
 *
 * Rows are pulled as a pump pulls items: never while the peer is behind, apart from what fits into one frame, and no longer than a
 * turn of the loop.
 *
 * @example
 * ```ts
 * class TableResponse extends StreamingResponse<unknown> {
 *   override open(request) {
 *     return openRows(super.open(request), request, new TableEncoder())
 *   }
 * }
 * ```
 */
export function openRows(opened: OpenedStream, request: StreamRequest, rows: RowEncoder): OpenedStream {
  const source = new RowSource(opened.source, request, rows)
  return { ...opened, source, encoder: new BatchEncoder(rows, source) }
}

class BatchEncoder implements ItemEncoder<unknown> {
  constructor(
    private readonly rows: RowEncoder,
    private readonly source: RowSource,
  ) {}

  lead(): StreamItem | undefined {
    return this.rows.lead?.()
  }

  encode(item: unknown): StreamItem {
    if (item === BATCH) return this.rows.takeBatch()
    if (item === FAILURE) throw this.source.failure
    if (item instanceof Part) return item.content
    try {
      return this.rows.encode(item)
    } catch (error) {
      if (!this.source.endsWith(error)) throw error
      return this.rows.takeBatch()
    }
  }

  tail(): StreamItem | undefined {
    return this.rows.tail?.()
  }
}

/** A piece of a row that comes in parts, told from a row. */
class Part {
  constructor(readonly content: StreamItem) {}
}

type Result = IteratorResult<unknown, unknown>
const END: Result = { done: true, value: undefined }
const BATCH_RESULT: Result = { done: false, value: BATCH }
const FAILURE_RESULT: Result = { done: false, value: FAILURE }

/** The source that the pump reads instead: batches, single rows where the source makes us wait, and parts of rows. */
class RowSource implements ItemIterator {
  failure: unknown
  private iterator: ItemIterator | undefined
  /** The source is through, or was told to return. */
  private released = false
  /** What was said of the failure is the last of the body. */
  private ending = false
  /** What came behind a batch. */
  private kept: Result | PromiseLike<Result> | undefined
  /** The parts of a row that are still to come. */
  private rest: ItemIterator | undefined
  private limit = FIRST_BATCH

  constructor(
    private readonly source: unknown,
    private readonly request: StreamRequest,
    private readonly rows: RowEncoder,
  ) {}

  [JOIN](): ItemIterator {
    return this
  }

  attach(stream: StoppableStream): void {
    this.iterator = toItemIterator(this.source, this.request)
    this.iterator.attach?.(stream)
  }

  next(): Result | PromiseLike<Result> {
    const { kept } = this
    if (kept !== undefined) {
      this.kept = undefined
      return kept
    }
    this.rest ??= this.rows.rest?.()
    if (this.rest !== undefined) return this.nextPart(this.rest)
    if (this.ending) return this.release()
    return this.released ? END : this.pull()
  }

  return(): unknown {
    const { iterator, rest, released } = this
    if (iterator === undefined) return releaseSource(this.source, this.request)
    this.released = true
    this.rest = undefined
    const returned = released ? undefined : iterator.return?.()
    const stopped = rest?.return?.()
    return stopped === undefined ? returned : Promise.resolve(stopped).then(() => returned)
  }

  /** Whether the body is to end well behind a failure, which the batch tells of. */
  endsWith(error: unknown): boolean {
    if (this.rows.failed?.(error) !== true) return false
    this.ending = true
    return true
  }

  /** Rows for one frame, or for one turn. */
  private pull(): Result | PromiseLike<Result> {
    const iterator = this.iterator!
    const { rows, limit } = this
    const hasParts = rows.rest !== undefined
    let start = 0
    let clockRow = 1
    let clockStep = 1
    for (let count = 1; ; count++) {
      let result: Result
      try {
        result = iterator.next() as Result
      } catch (error) {
        this.released = true // It threw, so it is through.
        return this.fail(error)
      }
      if (result.done !== false) {
        if (result.done === undefined && isThenable(result)) return this.behindBatch(this.guardedResult(result))
        if (result.done === true) {
          this.released = true
          return this.behindBatch(END)
        }
      }
      const row = result.value
      if (isThenable(row)) {
        return this.behindBatch({ done: false, value: this.guardedRow(row) })
      }
      try {
        rows.add(row)
        if (hasParts) this.rest = rows.rest!()
      } catch (error) {
        return this.fail(error)
      }
      if (rows.size >= limit) {
        if (limit < LARGEST_BATCH) this.limit *= BATCH_GROWTH
        return BATCH_RESULT
      }
      if (this.rest !== undefined || this.released) return BATCH_RESULT
      if (count < clockRow) continue
      const now = performance.now()
      if (start === 0) start = now
      else if (now - start >= TURN_MS) return BATCH_RESULT
      clockRow = count + clockStep
      if (clockStep < LARGEST_CLOCK_STEP) clockStep *= 2
    }
  }

  /** What follows the rows that are in the batch by now. */
  private behindBatch(result: Result | PromiseLike<Result>): Result | PromiseLike<Result> {
    if (this.rows.size === 0) return result
    this.kept = result
    return BATCH_RESULT
  }

  private fail(error: unknown): Result | PromiseLike<Result> {
    if (this.endsWith(error)) return BATCH_RESULT
    this.failure = error
    return this.behindBatch(FAILURE_RESULT)
  }

  /** A rejected result, where the encoder tells of failures. */
  private guardedResult(promise: PromiseLike<Result>): PromiseLike<Result> {
    if (this.rows.failed === undefined) return promise
    return promise.then(undefined, (error: unknown) => {
      this.released = true
      if (this.endsWith(error)) return BATCH_RESULT
      throw error
    })
  }

  /** A rejected row, where the encoder tells of failures. */
  private guardedRow(promise: PromiseLike<unknown>): PromiseLike<unknown> {
    if (this.rows.failed === undefined) return promise
    return promise.then(undefined, (error: unknown) => {
      if (this.endsWith(error)) return BATCH
      throw error
    })
  }

  private nextPart(rest: ItemIterator): Result | PromiseLike<Result> {
    const result = rest.next()
    if ((result as Result).done === undefined && isThenable(result)) return result.then((settled) => this.part(settled))
    return this.part(result as Result)
  }

  private part({ done, value }: Result): Result | PromiseLike<Result> {
    if (done !== true) return { done: false, value: new Part(value as StreamItem) }
    this.rest = undefined
    return this.next()
  }

  private release(): Result | PromiseLike<Result> {
    const returned = this.return()
    return isThenable(returned) ? returned.then(() => END) : END
  }
}

function isThenable(value: unknown): value is PromiseLike<Result> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
