import { NOTHING_SPECIAL, writeClean } from './short-text.ts'

const FIRST_BLOCK = 4 * 1024
/** Holds a batch, and a row more. */
const BLOCK = 128 * 1024 - 4096

/** From this length on, the engine's own encoder beats a loop: a call of it costs as much as 40 characters. */
const LONG = 40

const utf8 = new TextEncoder()

/**
 * Text as UTF-8, in blocks: what `take()` gives is never written to again.
 *
 * ```
 *   bytes  │ taken │ committed: to be taken │ begun: may be rolled back │ room │
 *                  ^ taken                  ^ committed                 ^ at
 * ```
 *
 * Whoever writes a lot asks for room with `reserve()` and then writes to `bytes` at `at` by hand.
 */
export class Utf8Writer {
  /** Another block after each `reserve()`, `text()` and `byte()`. */
  bytes = new Uint8Array(FIRST_BLOCK)
  /** The same bytes, for several at once. */
  view = new DataView(this.bytes.buffer)
  /** Where the next byte goes. */
  at = 0
  private taken = 0
  private committed = 0

  /** Bytes that `take()` would give. */
  get size(): number {
    return this.committed - this.taken
  }

  /** Whether something was written since the last `commit()`. */
  get begun(): boolean {
    return this.at !== this.committed
  }

  commit(): void {
    this.committed = this.at
  }

  /** Forgets what was written since the last `commit()`. */
  rollback(): void {
    this.at = this.committed
  }

  /** One byte, which is ASCII. */
  byte(code: number): void {
    this.reserve(1)
    this.bytes[this.at++] = code
  }

  /** Makes room for `length` bytes at `at`. */
  reserve(length: number): void {
    if (this.at + length > this.bytes.length) this.nextBlock(length)
  }

  /**
   * Lone surrogates become U+FFFD, as everywhere in UTF-8.
   *
   * @param further bytes of room behind the text.
   */
  text(text: string, further = 0): void {
    const { length } = text
    this.reserve(length * 3 + further) // No UTF-16 code unit needs more.
    if (length < LONG) {
      const end = writeClean(this.bytes, this.at, text, NOTHING_SPECIAL)
      if (end >= 0) {
        this.at = end
        return
      }
    }
    this.at += utf8.encodeInto(text, this.bytes.subarray(this.at)).written
  }

  /** What was committed since the last time. */
  take(): Uint8Array {
    const bytes = this.bytes.subarray(this.taken, this.committed)
    this.taken = this.committed
    return bytes
  }

  private nextBlock(length: number): void {
    const { taken } = this
    const open = this.bytes.subarray(taken, this.at)
    const usual = taken === 0 ? this.bytes.length * 2 : BLOCK
    const block = new Uint8Array(Math.max(usual, open.length + length))
    block.set(open)
    this.bytes = block
    this.view = new DataView(block.buffer)
    this.at -= taken
    this.committed -= taken
    this.taken = 0
  }
}
