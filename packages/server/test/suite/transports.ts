import type { TransportName } from '@catzilla/server'

/** Whatever the server promises is proved on each of them. */
export const transports: readonly TransportName[] = ['native', 'node']
