import { NOTHING_SPECIAL, writeClean } from './short-text.ts'

/** Bytes that the text of a number takes at most: `-1.2345678901234567e-300` has 24. */
export const NUMBER_BYTES = 25

/** The two digits of each number below 100. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => 0x30 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10))

const MINUS = 0x2d
const POINT = 0x2e

/**
 * Writes a finite number as `String()` does; there must be room for {@link NUMBER_BYTES}. Most numbers of a table are whole, or
 * have two decimals at most: those are written without making a string of them first.
 *
 * @returns where it ends.
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value) {
    if (value >= 0) return writeDigits(bytes, at, value)
    bytes[at] = MINUS
    return writeDigits(bytes, at + 1, -value)
  }
  const size = value < 0 ? -value : value
  // The double next to `cents / 100` is what the text "cents / 100" means. With at most ten digits no shorter text means the
  // same double (ECMA-262 Number::toString asks for the shortest), as texts of up to 15 digits all mean different ones.
  if (size < 2e7) {
    const cents = (size * 100 + 0.5) | 0
    if (cents / 100 === size) {
      if (value < 0) bytes[at++] = MINUS
      return writeCents(bytes, at, cents)
    }
  }
  if (size < 1e15 && Math.floor(size) === size) {
    if (value < 0) bytes[at++] = MINUS
    const high = Math.floor(size / 1e8)
    return writeEightDigits(bytes, writeDigits(bytes, at, high), size - high * 1e8)
  }
  return writeClean(bytes, at, String(value), NOTHING_SPECIAL)
}

function writeCents(bytes: Uint8Array, at: number, cents: number): number {
  const whole = (cents / 100) | 0
  const rest = (cents - whole * 100) << 1
  const point = writeDigits(bytes, at, whole)
  bytes[point] = POINT
  bytes[point + 1] = PAIRS[rest]!
  const last = PAIRS[rest + 1]!
  if (last === 0x30) return point + 2
  bytes[point + 2] = last
  return point + 3
}

/** A whole number from 0 to 2^31. */
function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = 0x30 + value
    return at + 1
  }
  const end = at + digitsOf(value)
  let left = end
  let rest = value
  while (rest >= 100) {
    const high = Math.floor(rest / 100)
    const pair = (rest - high * 100) << 1
    bytes[--left] = PAIRS[pair + 1]!
    bytes[--left] = PAIRS[pair]!
    rest = high
  }
  if (rest >= 10) {
    bytes[--left] = PAIRS[(rest << 1) + 1]!
    bytes[--left] = PAIRS[rest << 1]!
  } else {
    bytes[--left] = 0x30 + rest
  }
  return end
}

function writeEightDigits(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  for (let left = at + 6; left >= at; left -= 2) {
    const high = (rest / 100) | 0
    const pair = (rest - high * 100) << 1
    bytes[left] = PAIRS[pair]!
    bytes[left + 1] = PAIRS[pair + 1]!
    rest = high
  }
  return at + 8
}

function digitsOf(value: number): number {
  if (value < 1e5) return value < 100 ? 2 : value < 1000 ? 3 : value < 1e4 ? 4 : 5
  if (value < 1e8) return value < 1e6 ? 6 : value < 1e7 ? 7 : 8
  return value < 1e9 ? 9 : 10
}
