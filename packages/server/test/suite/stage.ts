import { afterEach } from 'vitest'
import { catzilla, type App, type AppOptions, type TransportName } from '@catzilla/server'
import { RawClient } from '@catzilla/testkit'
import { silent } from './silent.ts'

/** A served app. */
export interface Served {
  readonly app: App
  readonly port: number
  /** Asks on the platform's own client. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>
  /** Connects a client that shows the bytes. */
  readonly connect: () => Promise<RawClient>
}

/** Starts apps on one transport, and clears them away behind each test. */
export class Stage {
  private readonly served: { readonly app: App; readonly clients: RawClient[] }[] = []

  constructor(readonly transport: TransportName) {
    afterEach(async () => {
      for (const { app, clients } of this.served.splice(0)) {
        for (const client of clients) client.leave()
        await app.close({ graceMs: 0 })
      }
    })
  }

  readonly serve = async (setUp: (app: App) => unknown, options?: AppOptions): Promise<Served> => {
    const app = catzilla({ transport: this.transport, logger: silent, ...options })
    const clients: RawClient[] = []
    this.served.push({ app, clients })
    setUp(app)
    const { port, url } = await app.listen({ host: '127.0.0.1' })
    return {
      app,
      port,
      fetch: (path, init) => fetch(url + path, init),
      async connect() {
        const client = await RawClient.connect(port)
        clients.push(client)
        return client
      },
    }
  }
}

/** A promise with its handles, for handlers that a test lets go on. */
export function deferred<T = void>(): { promise: Promise<T>; resolve(value: T): void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}
