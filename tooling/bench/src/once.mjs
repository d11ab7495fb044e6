/**
 * Made when first needed, then kept.
 * @template T
 * @param {() => T} make
 * @returns {() => T}
 */
export function once(make) {
  /** @type {{ value: T } | undefined} */
  let made
  return () => (made ??= { value: make() }).value
}
