import { portSharings, releasePort, reservePort, type PortSharing } from '@catzilla/core-native'
import { show } from '@catzilla/streaming/format'
import { serverError } from '../errors.ts'
import { bindWith } from './native-address.ts'
import type { ListenOptions, Reservation } from './transport.ts'

type Reserve = (where: ListenOptions) => Promise<Reservation | undefined>

/**
 * Holds addresses for native engines; gives `undefined` where this system lets no two loops have one. `CATZILLA_SHARING` forces
 * one of the ways that it has.
 *
 * @throws `CZ_NATIVE_LOAD`
 */
export function nativeReserver(): Reserve {
  const sharings = portSharings()
  return async (where) => {
    const sharing = chosen(sharings)
    return sharing && reserve(where, sharing)
  }
}

function chosen(sharings: readonly PortSharing[]): PortSharing | undefined {
  const wanted = process.env['CATZILLA_SHARING'] || sharings[0]
  const sharing = sharings.find((name) => name === wanted)
  if (sharing !== undefined || wanted === undefined) return sharing
  const known = sharings.map((name) => `'${name}'`).join(' or ') || 'unset'
  throw serverError('CZ_WORKER_UNSUPPORTED', `CATZILLA_SHARING must be ${known} on this system (got ${show(wanted)})`)
}

async function reserve({ host, port }: ListenOptions, sharing: PortSharing): Promise<Reservation> {
  const held = await bindWith(host, (address) => reservePort(address, port, sharing))
  return {
    transport: 'native',
    host: held.address,
    port: held.port,
    sharing: sharing === 'reuse-port' ? { kind: sharing } : { kind: sharing, descriptor: held.descriptor },
    release: () => releasePort(held),
  }
}
