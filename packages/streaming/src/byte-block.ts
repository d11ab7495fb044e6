/** Views at least this long are handed on as they are; copying a shorter one is cheaper than a write of its own. */
export const PASS_THROUGH_BYTES = 16 * 1024

/**
 * Joins small byte items into one frame. They are copied, so a source may reuse its buffer for the next small item.
 *
 * @internal
 */
export class ByteBlock {
  private readonly block: Uint8Array
  private length = 0

  /** Starts with `first`, which must fit. */
  constructor(capacity: number, first: Uint8Array) {
    this.block = new Uint8Array(capacity)
    this.tryAppend(first)
  }

  /** Takes the bytes, or says `false` where they do not fit any more. */
  tryAppend(bytes: Uint8Array): boolean {
    if (this.length + bytes.length > this.block.length) return false
    this.block.set(bytes, this.length)
    this.length += bytes.length
    return true
  }

  bytes(): Uint8Array {
    return this.block.subarray(0, this.length)
  }
}

/** The bytes under any view, without a copy. */
export function toBytes(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
