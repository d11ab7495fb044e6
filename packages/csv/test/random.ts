/** Whole numbers below a bound, the same in every run. */
export type Random = (bound: number) => number

/** A xorshift generator: a failure can be run again by its seed. */
export function seeded(seed: number): Random {
  let state = (seed * 0x9e3779b1) >>> 0 || 1
  return (bound) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % bound
  }
}

const PIECES = [
  ['\r', '\n', '\r\n', '"', '""', ',', ';', '\t', ' ', "'", '|'],
  ['=', '+', '-', '@', '＝', '1', '-1.5', 'ID', 'NULL', '\\'],
  ['\uFEFF', '\u2028', '\u0085', 'é', '🎈', '\0', 'abc', ''],
].flat()

/** Text in which what means something to the format is frequent. */
export function randomText(random: Random): string {
  return Array.from({ length: random(5) }, () => PIECES[random(PIECES.length)]).join('')
}

/** Rows of one width, at least one of each. */
export function randomTable(random: Random): string[][] {
  const width = 1 + random(4)
  return Array.from({ length: 1 + random(5) }, () => Array.from({ length: width }, () => randomText(random)))
}
