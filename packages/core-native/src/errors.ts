/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** There is no addon for this platform (`cause`). Install a compiler, or go on with node:http. */
  CZ_NATIVE_LOAD: { base: Error, status: undefined },
  /** `CATZILLA_BACKEND` names no backend of this system, or one that the system refuses. */
  CZ_NATIVE_BACKEND: { base: Error, status: undefined },
} as const

export type NativeErrorCode = keyof typeof ERRORS

const BRAND = Symbol.for('catzilla.error')

/**
 * An error in the shape of `CatzillaError`: of the streaming package, this one knows the ring and nothing else.
 *
 * @internal
 */
export function nativeError(code: NativeErrorCode, message: string, cause?: unknown): Error & { code: string } {
  const { base, status } = ERRORS[code]
  const error = new base(message, cause === undefined ? undefined : { cause })
  Object.defineProperty(error, BRAND, { value: true })
  return Object.assign(error, { code, status })
}
