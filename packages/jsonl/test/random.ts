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

const LEAVES = [null, true, false, 0, -1.5, 1e300, '', 'a', '\n', '\r\n', '\u2028', '"', '\\n', '🎈', '\0', '{}']

/** A value that JSON can hold, nested at most `depth` levels. */
export function randomValue(random: Random, depth: number): unknown {
  const kind = depth === 0 ? 0 : random(3)
  if (kind === 0) return LEAVES[random(LEAVES.length)]
  const values = Array.from({ length: random(4) }, () => randomValue(random, depth - 1))
  return kind === 1
    ? values
    : Object.fromEntries(values.map((value, at) => [`${at}${LEAVES[random(LEAVES.length)]}`, value]))
}
