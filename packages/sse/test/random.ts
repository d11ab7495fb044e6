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
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  ':',
  'data',
  'data: ',
  'id:',
  'event: x',
  '\uFEFF',
  '\u2028',
  'é',
  '🎈',
  'abc',
  '\t',
  '',
]

/** Text in which what means something to the format is frequent. */
export function randomText(random: Random): string {
  return Array.from({ length: random(6) }, () => PIECES[random(PIECES.length)]).join('')
}
