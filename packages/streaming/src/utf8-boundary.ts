import { toBytes } from './byte-block.ts'
import { joinUtf8 } from './text.ts'

/**
 * Moves the cuts of a text to the borders of its characters: what a chunk has of a last, unfinished character comes with the
 * next chunk. At most 3 bytes are held; bytes that cannot become a character are never held, and nothing is changed.
 *
 * Text in pieces of a string gets the same care: the first half of a surrogate pair waits for the second.
 *
 * @internal
 */
export class Utf8Boundary {
  /** The beginning of a character: 1 to 3 bytes, or one UTF-16 unit. */
  private held: string | Uint8Array | undefined

  /** What of the text can go on, `undefined` where that is nothing. A chunk that ends well is given back as it is. */
  take(chunk: unknown): unknown {
    if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) return chunk // Not ours to refuse.
    const text = this.join(typeof chunk === 'string' ? chunk : toBytes(chunk))
    const complete = typeof text === 'string' ? wholeUnits(text) : wholeBytes(text)
    if (complete === text.length) return complete === 0 ? undefined : text
    // Of bytes a copy, which does not keep the chunk.
    this.held = typeof text === 'string' ? text.slice(complete) : new Uint8Array(text.subarray(complete))
    if (complete === 0) return undefined
    return typeof text === 'string' ? text.slice(0, complete) : text.subarray(0, complete)
  }

  /** The text has ended: what it ended with, whole or not. */
  end(): string | Uint8Array | undefined {
    const { held } = this
    this.held = undefined
    return held
  }

  private join(chunk: string | Uint8Array): string | Uint8Array {
    const held = this.end()
    if (held === undefined) return chunk
    if (typeof held === 'string' && typeof chunk === 'string') return held + chunk
    return joinUtf8([held, chunk])
  }
}

/** Units up to a high surrogate at the end. */
function wholeUnits(text: string): number {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length
}

/** Bytes up to a character at the end that has begun well and is not finished. */
function wholeBytes(bytes: Uint8Array): number {
  const { length } = bytes
  for (let i = length - 1; i >= 0 && i >= length - 3; i--) {
    const byte = bytes[i]!
    if (isContinuation(byte)) continue // Its character has begun before it.
    const unfinished = length - i < sizeOf(byte) && (i + 1 === length || mayFollow(byte, bytes[i + 1]!))
    return unfinished ? i : length
  }
  return length
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte < 0xc0
}

/** Bytes of the character that begins so. C0, C1 and F5 to FF begin none. */
function sizeOf(lead: number): number {
  if (lead >= 0xc2 && lead < 0xe0) return 2
  if (lead >= 0xe0 && lead < 0xf0) return 3
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 1
}

/** Unicode 16.0, table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF. The second byte decides on all that. */
function mayFollow(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0
  if (lead === 0xed) return second < 0xa0
  if (lead === 0xf0) return second >= 0x90
  return lead !== 0xf4 || second < 0x90
}
