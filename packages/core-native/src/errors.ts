/** Codes of this package. It depends on nothing, so it gives its errors the shape of `CatzillaError` by itself. */
export type NativeErrorCode = 'CZ_NATIVE_LOAD'

const BRAND = Symbol.for('catzilla.error')

/** @internal */
export function nativeError(code: NativeErrorCode, message: string, cause?: unknown): Error & { code: string } {
  const error = new Error(message, cause === undefined ? undefined : { cause })
  Object.defineProperty(error, BRAND, { value: true })
  return Object.assign(error, { code, status: undefined })
}
