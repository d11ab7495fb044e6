import { show } from '@catzilla/streaming/format'
import { serverError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ServerLimits } from '../options.ts'
import type { ListenOptions, Reservation, Transport, TransportName } from './transport.ts'

/** The fall-back is reported once for a process, and not for each app in it. */
let reported = false

/**
 * The native transport, or `node:http` where no native binary loads. A transport that is asked for by name is given or
 * refused, never replaced.
 *
 * @throws `CZ_SERVER_TRANSPORT` when `native` is asked for and does not load; `cause` says why. `CZ_NATIVE_BACKEND` when
 * `CATZILLA_BACKEND` names none of this system.
 * @internal
 */
export function selectTransport(
  wanted: TransportName | undefined,
  limits: ServerLimits,
  logger: Logger,
): Promise<Transport> {
  return select(wanted, logger, {
    native: async () => (await import('./native.ts')).nativeTransport(limits),
    node: async () => (await import('./node-http.ts')).nodeTransport(limits),
  })
}

/**
 * Holds an address for the loops of several threads, on the transport that {@link selectTransport} gives.
 *
 * @returns `undefined` where that transport cannot share an address on this system.
 * @throws as {@link selectTransport}, and the system's error where the address cannot be had.
 * @internal
 */
export async function selectReservation(
  wanted: TransportName | undefined,
  where: ListenOptions,
  logger: Logger,
): Promise<Reservation | undefined> {
  const reserve = await select(wanted, logger, {
    native: async () => (await import('./native-reservation.ts')).nativeReserver(),
    node: async () => (await import('./node-reservation.ts')).reserveNode,
  })
  return reserve(where) // What fails here, such as an address that is taken, is no reason for another transport.
}

async function select<T>(
  wanted: TransportName | undefined,
  logger: Logger,
  make: Readonly<Record<TransportName, () => Promise<T>>>,
): Promise<T> {
  const name = wanted ?? fromEnvironment()
  if (name !== 'node') {
    try {
      return await make.native()
    } catch (error) {
      // A backend that is asked for by name, too, is given or refused.
      if (error instanceof Error && 'code' in error && error.code === 'CZ_NATIVE_BACKEND') throw error
      if (name === 'native') throw serverError('CZ_SERVER_TRANSPORT', 'The native transport does not load', error)
      if (!reported) logger.warn('the native transport does not load, so node:http serves: %s', reasonOf(error))
      reported = true
    }
  }
  return make.node()
}

function fromEnvironment(): TransportName | undefined {
  const name = process.env['CATZILLA_TRANSPORT']
  if (name === undefined || name === '') return undefined
  if (name === 'native' || name === 'node') return name
  throw serverError('CZ_SERVER_TRANSPORT', `CATZILLA_TRANSPORT must be 'native' or 'node' (got ${show(name)})`)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
