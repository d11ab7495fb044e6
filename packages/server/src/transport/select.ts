import { show } from '@catzilla/streaming/format'
import { serverError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ServerLimits } from '../options.ts'
import type { Transport, TransportName } from './transport.ts'

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
export async function selectTransport(
  wanted: TransportName | undefined,
  limits: ServerLimits,
  logger: Logger,
): Promise<Transport> {
  const name = wanted ?? fromEnvironment()
  if (name !== 'node') {
    try {
      const { nativeTransport } = await import('./native.ts')
      return nativeTransport(limits)
    } catch (error) {
      // A backend that is asked for by name, too, is given or refused.
      if (error instanceof Error && 'code' in error && error.code === 'CZ_NATIVE_BACKEND') throw error
      if (name === 'native') throw serverError('CZ_SERVER_TRANSPORT', 'The native transport does not load', error)
      if (!reported) logger.warn('the native transport does not load, so node:http serves: %s', reasonOf(error))
      reported = true
    }
  }
  const { nodeTransport } = await import('./node-http.ts')
  return nodeTransport(limits)
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
