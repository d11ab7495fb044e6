import { createServer, type AddressInfo } from 'node:net'
import type { ListenOptions, Reservation } from './transport.ts'

/**
 * Finds an address for servers of `node:http`, and asks that nobody has it. It is not held: between this and the first
 * listener, another program could take it.
 *
 * `undefined` where Node has no `reusePort`, or a system on which it would give all connections to one listener.
 */
export async function reserveNode({ host, port }: ListenOptions): Promise<Reservation | undefined> {
  if (process.platform !== 'linux' || !hasReusePort(process.versions.node)) return undefined
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen({ host, port }, resolve)
  })
  const { address, port: found } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return { transport: 'node', host: address, port: found, sharing: { kind: 'reuse-port' }, release() {} }
}

/** `server.listen({ reusePort })` came with 23.1 and 22.12. Node 20 ignores it. */
export function hasReusePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}
