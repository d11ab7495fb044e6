// What goes between the loop and its workers beside the rings: two messages for each stream, and none for its items.

export type ToWorker =
  | {
      readonly type: 'start'
      readonly job: number
      /** URL of the module. */
      readonly module: string
      readonly name: string
      readonly args: readonly unknown[]
      readonly memory: SharedArrayBuffer
    }
  /** The consumer of this ring has left. */
  | { readonly type: 'cancel'; readonly job: number }

export type FromWorker =
  /** Ahead of the failure that the ring tells: what it was. */
  | { readonly type: 'failed'; readonly job: number; readonly error: PackedError }
  /** The source is cleaned up, and its ring is not touched any more. */
  | { readonly type: 'ended'; readonly job: number }

/** An error with what a structured clone would leave out. */
export interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly status: number | undefined
}

export function packError(error: Error): PackedError {
  const { code, status } = error as { code?: unknown; status?: unknown }
  return {
    name: text(error.name) ?? 'Error',
    message: text(error.message) ?? '',
    stack: text(error.stack),
    code: text(code),
    status: typeof status === 'number' ? status : undefined,
  }
}

export function unpackError({ name, message, stack, code, status }: PackedError): Error {
  const error = new Error(message)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  if (code !== undefined) Object.assign(error, { code })
  if (status !== undefined) Object.assign(error, { status })
  return error
}

/** Anything can be thrown, and not anything can be posted. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
