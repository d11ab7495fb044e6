/** For {@link writeClean}, where any text will do. */
export const NOTHING_SPECIAL = new Uint8Array(0x80)

/**
 * Writes `text` as UTF-8 if it has none of the characters that `special` marks with 1, and no surrogates; there must be room
 * for three bytes a character. One look at each character tells, so that clean text is read once.
 *
 * @param special an entry for each ASCII character.
 * @returns where it ends, or -1 for other text, of which nothing counts as written.
 */
export function writeClean(bytes: Uint8Array, start: number, text: string, special: Uint8Array): number {
  const { length } = text
  let at = start
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) {
      if (special[code] === 1) return -1
      bytes[at++] = code
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else {
      if ((code & 0xf800) === 0xd800) return -1
      bytes[at++] = 0xe0 | (code >> 12)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
    }
  }
  return at
}

/**
 * Writes text between quotes, with `escape` in front of each quote and each `escape` in it. The rest is as for
 * {@link writeClean}; there must be room for three bytes a character and two quotes.
 */
export function writeQuoted(bytes: Uint8Array, start: number, text: string, quote: number, escape: number): number {
  const { length } = text
  let at = start
  bytes[at++] = quote
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) {
      if (code === quote || code === escape) bytes[at++] = escape
      bytes[at++] = code
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 0x3f)
    } else {
      if ((code & 0xf800) === 0xd800) return -1
      bytes[at++] = 0xe0 | (code >> 12)
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[at++] = 0x80 | (code & 0x3f)
    }
  }
  bytes[at++] = quote
  return at
}
