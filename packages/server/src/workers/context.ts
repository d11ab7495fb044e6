import type { MessagePort } from 'node:worker_threads'
import type { Address, AppStats, TotalStats } from '../app.ts'
import type { Sharing } from '../transport/transport.ts'
import type { FromTopicOwner, ToTopicOwner } from './topic-messages.ts'
import type { WorkerServer } from './worker-server.ts'

/** What a worker of a server knows from its start. It lies on the global object, as an app may come from another copy of this package. */
export interface WorkerContext {
  /** From 0 on; the one that takes the place of a worker that crashed has its number. */
  readonly index: number
  /** Of the server, as `listen()` gives it. */
  readonly address: Address
  readonly sharing: Sharing
  readonly port: MessagePort
  /** Made by the first app of this thread. */
  server?: WorkerServer
}

/** What the supervisor tells a worker. */
export type ToWorker =
  | { readonly type: 'close'; readonly graceMs: number }
  | { readonly type: 'stats'; readonly id: number }
  /** The answer to `total-stats`. */
  | { readonly type: 'total-stats'; readonly id: number; readonly stats: TotalStats }
  | { readonly type: 'topics'; readonly messages: readonly FromTopicOwner[]; readonly bytes: number }

/** What a worker tells its supervisor. */
export type FromWorker =
  | { readonly type: 'serving' }
  | { readonly type: 'no-app'; readonly found: string }
  | { readonly type: 'failed'; readonly error: unknown }
  | { readonly type: 'close'; readonly graceMs: number }
  | { readonly type: 'closed' }
  | { readonly type: 'stats'; readonly id: number; readonly stats: AppStats }
  | { readonly type: 'total-stats'; readonly id: number }
  | { readonly type: 'topics'; readonly messages: readonly ToTopicOwner[] }
  /** The answer to `topics`, when they have been handled. */
  | { readonly type: 'taken'; readonly bytes: number }

const CONTEXT = Symbol.for('catzilla.worker')

/** The name under which an app, of whichever copy of this package, takes the place that a worker has for it. */
export const SERVE: unique symbol = Symbol.for('catzilla.app') as never

/** What this thread is a worker of; `undefined` in any other thread. */
export function workerContext(): WorkerContext | undefined {
  return (globalThis as { [CONTEXT]?: WorkerContext })[CONTEXT]
}

/**
 * The program of a worker. It is text, so that it needs no file that a bundler might leave behind, and it is no more than what
 * must happen before the app's module is there.
 */
export const BOOT = `'use strict'
const { workerData } = require('node:worker_threads')
const { module, context } = workerData
const { port } = context
globalThis[Symbol.for('catzilla.worker')] = context
import(module).then((found) => {
  const serve = Symbol.for('catzilla.app')
  const app = [found.default, found.default?.default].find((each) => typeof each?.[serve] === 'function')
  if (app !== undefined) return app[serve](context)
  port.postMessage({ type: 'no-app', found: Object.keys(found).join(', ') })
})
`

/** What a worker is started with. */
export interface BootData {
  readonly module: string
  readonly context: WorkerContext
}
