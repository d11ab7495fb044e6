import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EVERYTHING, type Capabilities, type RunningHost } from '@catzilla/testkit'
import { vi } from 'vitest'

/** What no host can do that Node's server carries. */
export const ON_NODE: Capabilities = {
  ...EVERYTHING,
  oneAtATime: 'node:http starts pipelined requests side by side',
  shutdown: 'the server is not ours to close, and keeps no register of its streams',
}

/** A `Response` says nothing of the connection that it goes to. */
export const FETCH_RUNTIME: Capabilities = {
  ...ON_NODE,
  http10: 'the version of HTTP is the business of the runtime',
  halfClose: 'the connection is the business of the runtime',
  headWithFirstItem: '@hono/node-server sends the head before it reads the body',
  knowsDelivery: 'a stream has ended when the runtime has taken its last chunk',
  errorStatus: '@hono/node-server answers every rejected fetch with 500',
}

/** A server whose clients may half-close. */
export function runningHalfOpen(listen: (listening: () => void) => Server): Promise<RunningHost> {
  return running((listening) => Object.assign(listen(listening), { httpAllowHalfOpen: true }))
}

/** One connection carries many streams. */
export const ON_HTTP2: Capabilities = {
  ...ON_NODE,
  http10: 'HTTP/2 has no older client',
  oneAtATime: 'HTTP/2 carries its streams side by side',
  halfClose: 'HTTP/2 has no half-closed connection',
  headWithFirstItem: 'HTTP/2 has frames of their own for head and body',
  knowsDelivery: 'a body that fits the window of its stream is delivered, whether it is read or not',
  http1: 'HTTP/2 resets the stream that broke, and keeps the connection',
}

/** Hosts write to the console what sources fail with on purpose. */
export function muteErrors(): void {
  vi.spyOn(console, 'error').mockImplementation(() => {})
}

export function pathOf(url: string): string {
  return new URL(url, 'http://localhost').pathname
}

/** Waits until a server listens. */
export async function running(listen: (listening: () => void) => unknown): Promise<RunningHost> {
  let server!: Server
  await new Promise<void>((resolve) => {
    server = listen(resolve) as Server
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
