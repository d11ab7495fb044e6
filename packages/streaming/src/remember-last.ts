/** Results that are kept; more would only cost time, where options differ each time. */
const KEPT = 4

/**
 * A function of an options object that keeps its last results: handlers give the same few options again and again, and
 * thousands of open streams then share what was made of them.
 *
 * Options are the same when all of them are the same values; the object that holds them may be another. An object among the
 * values must be frozen to count, as it may have changed since.
 *
 * @param compute must not keep the object that it is given, and what it gives must not change.
 */
export function rememberLast<Options extends object, Result>(
  compute: (options: Options) => Result,
): (options: Options) => Result {
  const kept: { readonly given: Options; readonly result: Result }[] = []
  let next = 0
  return (options) => {
    for (const { given, result } of kept) if (isSame(given, options)) return result
    const result = compute(options)
    kept[next] = { given: { ...options }, result }
    next = (next + 1) % KEPT
    return result
  }
}

function isSame(a: object, b: object): boolean {
  let names = 0
  for (const name in a) {
    const value: unknown = a[name as never]
    if (!Object.is(value, b[name as never]) || !Object.hasOwn(b, name)) return false
    if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) return false
    names++
  }
  return names === Object.keys(b).length
}
