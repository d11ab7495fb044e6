import type { Address, App, ListenInit, TransportName } from 'catzilla'

/** What a route gets beside the app. */
export interface Context {
  /** Takes what a route has to say. */
  log(line: string): void
  /** Its transport is known once the app listens. */
  server: { transport?: TransportName }
}

/** One idea: a file of `routes/`, which adds what it serves. */
export type Route = (app: App, context: Context) => void | Promise<void>

export function createDemo(log?: (line: string) => void): Promise<{
  app: App
  listen(init: ListenInit): Promise<Address>
}>

/** Starts the demo for this machine only; without a `port`, the system chooses one. */
export function startDemo(options?: { port?: number; log?: (line: string) => void }): Promise<{
  app: App
  url: string
  close(graceMs?: number): Promise<void>
}>
