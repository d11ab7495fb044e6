import { defined, rejectUnknown, show } from '@catzilla/streaming/format'
import { serverError } from './errors.ts'
import { defaultLogger, type Logger } from './logger.ts'
import type { TransportName } from './transport/transport.ts'

/** Bounds on what a client may send and how long it may take. None of them cuts an answer in progress. */
export interface ServerLimits {
  /**
   * Bytes of a request's head; more is answered by 431.
   * @defaultValue 16384
   */
  readonly maxHeadBytes: number
  /**
   * Field lines of a request; more is answered by 431.
   * @defaultValue 100
   */
  readonly maxFields: number
  /**
   * Bytes of a request's target; more is answered by 414.
   * @defaultValue 8192
   */
  readonly maxTargetBytes: number
  /**
   * Milliseconds from the first byte of a request's head to its last; then 408.
   * @defaultValue 10000
   */
  readonly headTimeoutMs: number
  /**
   * Milliseconds that a request's body may pause while it is read; then 408.
   * @defaultValue 10000
   */
  readonly bodyTimeoutMs: number
  /**
   * Milliseconds that a connection may be idle between two requests.
   * @defaultValue 65000
   */
  readonly keepAliveMs: number
  /**
   * Milliseconds that a client may take nothing of an answer that waits for it. Streams have a deadline of their own.
   * @defaultValue 60000
   */
  readonly stallMs: number
  /**
   * Connections at one time; more are closed at once.
   * @defaultValue Infinity
   */
  readonly maxConnections: number
  /**
   * Bytes in user space that wait for slow clients, of all connections: beyond it a stream's source is not asked while any
   * byte of it waits. The native engine has it; `node:http` does not.
   * @defaultValue 268435456
   */
  readonly maxBufferedBytes: number
}

export interface AppOptions {
  /**
   * What owns the sockets. Unset, the native engine does, or `node:http` where it does not load. The environment variable
   * `CATZILLA_TRANSPORT` says the same from outside.
   */
  transport?: TransportName
  /**
   * Bytes of a request's body that `json()`, `text()` and `bytes()` take; more is answered by 413. A body that is streamed
   * has no limit, as it is not kept.
   * @defaultValue 10485760
   */
  bodyLimit?: number
  /** Where faults are reported; `console` will do. By default warnings and errors go to standard error. */
  logger?: Logger
  limits?: Partial<ServerLimits>
}

/** Options after checking, with every default in place. */
export interface ResolvedAppOptions {
  readonly transport: TransportName | undefined
  readonly bodyLimit: number
  readonly logger: Logger
  readonly limits: ServerLimits
}

export const LIMITS: ServerLimits = Object.freeze({
  maxHeadBytes: 16 * 1024,
  maxFields: 100,
  maxTargetBytes: 8 * 1024,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  keepAliveMs: 65_000,
  stallMs: 60_000,
  maxConnections: Infinity,
  maxBufferedBytes: 256 * 1024 * 1024,
})

export const DEFAULTS: ResolvedAppOptions = Object.freeze({
  transport: undefined,
  bodyLimit: 10 * 1024 * 1024,
  logger: defaultLogger,
  limits: LIMITS,
})

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} `CZ_SERVER_OPTION` for an unknown key, named, and for values out of range.
 * @internal
 */
export function resolveOptions(options: AppOptions = {}): ResolvedAppOptions {
  const { transport, bodyLimit, limits = {} } = options
  refuseUnknown(options, DEFAULTS, 'option')
  refuseUnknown(limits, LIMITS, 'limit')
  if (transport !== undefined && transport !== 'native' && transport !== 'node') {
    throw serverError('CZ_SERVER_OPTION', `transport must be 'native' or 'node' (got ${show(transport)})`)
  }
  if (bodyLimit !== undefined) requirePositive(bodyLimit, 'bodyLimit')
  const given = defined(limits)
  for (const [name, value] of Object.entries(given)) requirePositive(value, `limits.${name}`)
  return { ...DEFAULTS, ...defined(options), limits: { ...LIMITS, ...given } }
}

/**
 * Refuses a misspelt option by name, instead of ignoring it.
 *
 * @internal
 */
export function refuseUnknown(given: object, known: object, what: string): void {
  rejectUnknown(given, known, (message) => serverError('CZ_SERVER_OPTION', message), what)
}

function requirePositive(value: unknown, name: string): void {
  if (typeof value === 'number' && value > 0) return
  throw serverError('CZ_SERVER_OPTION', `${name} must be a number above 0 (got ${show(value)})`)
}
