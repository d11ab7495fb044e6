import { PASS_THROUGH_BYTES, toBytes } from '../byte-block.ts'
import type { StreamItem } from '../source.ts'
import { byteLength, joinUtf8, toUtf8 } from '../text.ts'

/** Frames are handed over joined, up to this size (the last may go beyond it). */
export const BATCH_BYTES = 32 * 1024
const KEPT_BATCHES = 16

type Frame = string | Uint8Array

/** A published item, encoded once and shared by all who get it. */
export interface LoggedFrame<Item> {
  readonly sequence: number
  /** For the filters of those who join later. */
  readonly item: Item
  readonly frame: Frame
  readonly bytes: number
  /** Bytes published before this frame. */
  readonly offset: number
  readonly publishedAt: number
  /** Who does not get it; `true` where that is a loss, and no choice of a filter or a newer state. */
  skips: Map<object, boolean> | undefined
}

/** The result of an iterator's `next()` that carries joined frames, with the sequence that comes behind them. */
export interface Batch {
  readonly result: { readonly done: false; readonly value: Frame }
  readonly next: number
}

/** How much of the past a topic keeps for those who join later. */
export interface Retention {
  readonly frames: number
  readonly bytes: number
  readonly ageMs: number
}

/**
 * What was published, in order: each frame once, however many cursors point into it. Sequences begin at 1 and have no gaps.
 *
 * @internal
 */
export class FrameLog<Item> {
  private frames: LoggedFrame<Item>[] = []
  private dropped = 0
  /** Batches of this moment by their first sequence; most subscribers stand at the same. */
  private readonly batches = new Map<number, Batch>()
  /** The sequence published last; 0 before the first. */
  newest = 0
  /** Bytes published in all. */
  end = 0

  constructor(private readonly retention: Retention) {}

  /** The oldest sequence that is still held; `newest + 1` where none is. */
  get oldest(): number {
    return this.newest - this.size + 1
  }

  get size(): number {
    return this.frames.length - this.dropped
  }

  get bytes(): number {
    return this.bytesFrom(this.oldest)
  }

  append(item: Item, encoded: StreamItem): LoggedFrame<Item> {
    // A copy: the frame is sent later, and to many; the caller may use its buffer again.
    const frame = typeof encoded === 'string' ? encoded : toBytes(encoded).slice()
    const logged = {
      sequence: ++this.newest,
      item,
      frame,
      bytes: byteLength(frame),
      offset: this.end,
      publishedAt: performance.now(),
      skips: undefined,
    }
    this.end += logged.bytes
    this.frames.push(logged)
    this.batches.clear()
    return logged
  }

  /** The frame of a sequence from `oldest` to `newest`. */
  get(sequence: number): LoggedFrame<Item> {
    return this.frames[this.dropped + sequence - this.oldest]!
  }

  bytesFrom(sequence: number): number {
    return sequence > this.newest ? 0 : this.end - this.get(sequence).offset
  }

  /** Frames from `sequence` on, joined: made once for all whose cursor stands there. */
  batchFrom(sequence: number): Batch {
    const known = this.batches.get(sequence)
    if (known !== undefined) return known
    const frames: Frame[] = []
    let next = sequence
    for (let bytes = 0; next <= this.newest && bytes < BATCH_BYTES; next++) {
      const logged = this.get(next)
      bytes += logged.bytes
      frames.push(logged.frame)
    }
    const batch: Batch = { result: { done: false, value: join(frames) }, next }
    if (this.batches.size < KEPT_BATCHES) this.batches.set(sequence, batch)
    return batch
  }

  /** Forgets what nobody needs: neither a cursor (`needed` is the least of them) nor one who may join later. */
  trim(needed: number): void {
    const now = performance.now()
    const { frames, bytes, ageMs } = this.retention
    for (let oldest = this.oldest; oldest < needed && oldest <= this.newest; oldest++) {
      const kept = this.size <= frames && this.bytesFrom(oldest) <= bytes && now - this.get(oldest).publishedAt <= ageMs
      if (kept) break
      this.frames[this.dropped++] = undefined as never
    }
    if (this.dropped * 2 > this.frames.length) {
      this.frames.splice(0, this.dropped)
      this.dropped = 0
    }
    this.batches.clear() // They may be of frames that are gone.
  }
}

/** Long text becomes bytes here, once, and not once for each socket. */
export function join(frames: readonly Frame[]): Frame {
  if (frames.length === 1 && typeof frames[0] !== 'string') return frames[0]!
  if (frames.every((frame) => typeof frame === 'string')) {
    const text = frames.length === 1 ? frames[0]! : frames.join('')
    return text.length < PASS_THROUGH_BYTES ? text : toUtf8(text)
  }
  return joinUtf8(frames)
}
