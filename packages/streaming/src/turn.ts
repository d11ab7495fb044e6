import type { ByteBlock } from './byte-block.ts'

/**
 * What a pump needs only while it works: the frame in the making, and how much of its turn of the loop is spent. A stream that
 * waits has none, which is a third of its memory.
 *
 * @internal
 */
export class Turn {
  // The frame: text, or bytes once an item was bytes; never both.
  text = ''
  block: ByteBlock | undefined

  /** Bytes written in this turn. */
  bytes = 0
  /** 0: the first look at the clock starts it, which is for a source that comes back after a wait. */
  start = 0
  /** The item at which to look at the clock next. */
  clockItem: number
  clockStep = 1

  constructor(
    /** Characters (or bytes) at which a frame leaves. */
    public frameLimit: number,
    items: number,
  ) {
    this.clockItem = items + 1
  }

  get isEmpty(): boolean {
    return this.text === '' && this.block === undefined
  }
}
