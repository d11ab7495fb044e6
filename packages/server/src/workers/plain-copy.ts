/** What `copyPlain` gives for what it leaves to others. */
export const NOT_PLAIN = Symbol('not plain')

/** Deeper data may be cyclic. */
const DEEPEST = 8

/**
 * A copy of plain data: primitives, and arrays and object literals of them. Anything else, such as an instance of a class, a map or
 * bytes, is `NOT_PLAIN`.
 *
 * @param size is counted up by about what the copy takes when it is sent.
 */
export function copyPlain(value: unknown, size: { bytes: number }, depth = 0): unknown {
  size.bytes += 8
  if (typeof value === 'string') {
    size.bytes += value.length
    return value
  }
  if (typeof value !== 'object') return typeof value === 'function' || typeof value === 'symbol' ? NOT_PLAIN : value
  if (value === null) return null
  if (depth === DEEPEST) return NOT_PLAIN
  return Array.isArray(value) ? copyArray(value, size, depth + 1) : copyObject(value, size, depth + 1)
}

function copyArray(from: readonly unknown[], size: { bytes: number }, depth: number): unknown {
  const copy: unknown[] = []
  for (const each of from) {
    const item = copyPlain(each, size, depth)
    if (item === NOT_PLAIN) return NOT_PLAIN
    copy.push(item)
  }
  return copy
}

function copyObject(from: object, size: { bytes: number }, depth: number): unknown {
  if (Object.getPrototypeOf(from) !== Object.prototype) return NOT_PLAIN
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(from)) {
    const item = key === '__proto__' ? NOT_PLAIN : copyPlain((from as Record<string, unknown>)[key], size, depth)
    if (item === NOT_PLAIN) return NOT_PLAIN
    copy[key] = item
    size.bytes += key.length
  }
  return copy
}
