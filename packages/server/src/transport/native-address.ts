import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/**
 * Calls `bind` with the address of a host; without a host, with IPv6 with IPv4 in it, or IPv4 alone where the system has no
 * IPv6, as `net.Server` does.
 */
export async function bindWith<T>(host: string | undefined, bind: (address: string) => T): Promise<T> {
  if (host !== undefined) return bind(isIP(host) === 0 ? (await lookup(host)).address : host)
  try {
    return bind('::')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error
    return bind('0.0.0.0')
  }
}
