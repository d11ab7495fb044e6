import { StreamingResponse, type OpenedStream, type StreamRequest } from '@catzilla/streaming'
import { Http2Client } from '../http2-client.ts'
import { RawClient, type ContractClient, type RawClientOptions, type RawRequest } from '../raw-client.ts'
import type { RawResponse } from '../response-reader.ts'
import type { Scope } from '../scope.ts'
import { until, within } from '../waits.ts'

/** Makes the answer to one request. */
export type Route = (request: StreamRequest) => StreamingResponse<never>

/** What a host serves: path → answer. */
export type Routes = Readonly<Record<string, Route>>

/** A route as a response, for hosts that have no request to show before they have a response. */
export class RoutedResponse extends StreamingResponse {
  constructor(private readonly route: Route) {
    super('')
  }

  override open(request: StreamRequest): OpenedStream {
    return this.route(request).open(request)
  }
}

/** A host that listens on 127.0.0.1. */
export interface RunningHost {
  readonly port: number
  /** It speaks HTTP/2 without TLS, and nothing else. */
  readonly http2?: boolean
  /** Stops listening. Streams that still run after `graceMs` are ended as `shutdown`. */
  close(options?: { readonly graceMs: number }): Promise<void>
  /** What the host knows of its streams, where it counts them. */
  stats?(): { readonly activeStreams: number }
}

/** What not every host can do. Everything else in the contract is required of all of them. */
export interface Capabilities {
  /** It answers HTTP/1.0 clients without chunked coding. */
  readonly http10: Capability
  /** It goes on answering a client that has closed its sending side, and tells it from one that left. */
  readonly halfClose: Capability
  /** An error before the first item that names a status is answered with it. */
  readonly errorStatus: Capability
  /** Head and first item leave in one system call. */
  readonly headWithFirstItem: Capability
  /** A connection goes on after an early failure was answered. */
  readonly reuseAfterError: Capability
  /** A pipelined request is not started before the answer to the one before it has ended. */
  readonly oneAtATime: Capability
  /** It learns when the client has taken the last bytes, and not only when its runtime has. */
  readonly knowsDelivery: Capability
  /** One connection carries one answer after another, and dies with one that breaks. */
  readonly http1: Capability
  /** `close({ graceMs })` ends running streams as `shutdown`. */
  readonly shutdown: Capability
}

/** `true`, or the reason why not, as `docs/hosts.md` shows it. */
export type Capability = true | string

/** A host under test. */
export interface StreamHost {
  /** @param scope for hosts that run routes in another thread. */
  start(routes: Routes, scope: Scope): Promise<RunningHost>
  readonly can: Capabilities
  /** Why a case cannot be played on this host, where no capability says so. */
  cannot?(chapter: string, title: string): string | undefined
}

/** For hosts to start from: `{ ...EVERYTHING, http10: 'the runtime hides the version' }`. */
export const EVERYTHING: Capabilities = Object.freeze({
  http10: true,
  halfClose: true,
  errorStatus: true,
  headWithFirstItem: true,
  reuseAfterError: true,
  oneAtATime: true,
  knowsDelivery: true,
  http1: true,
  shutdown: true,
})

/** One behaviour, as a sentence, and what proves it. */
export interface ContractCase {
  readonly title: string
  readonly needs: keyof Capabilities | undefined
  run(stage: Stage): Promise<void>
}

/** Cases about one point of the contract. */
export interface Chapter {
  readonly title: string
  readonly cases: readonly ContractCase[]
}

type Run = ContractCase['run']

interface Define {
  (title: string, run: Run): void
  /** For a behaviour that a host may lack. */
  where(needs: keyof Capabilities, title: string, run: Run): void
}

export function chapter(title: string, define: (holds: Define) => void): Chapter {
  const cases: ContractCase[] = []
  const holds: Define = Object.assign(
    (name: string, run: Run) => void cases.push({ title: name, needs: undefined, run }),
    {
      where: (needs: keyof Capabilities, name: string, run: Run) => void cases.push({ title: name, needs, run }),
    },
  )
  define(holds)
  return { title, cases }
}

/** Where one case plays: it starts hosts and clients, and clears both away afterwards. */
export class Stage {
  private readonly servers: Server[] = []

  constructor(private readonly start: (routes: Routes) => Promise<RunningHost>) {}

  /** Starts the host with one route for `/`, or with several. */
  readonly serve = async (routes: Route | Routes): Promise<Server> => {
    const running = await this.start(typeof routes === 'function' ? { '/': routes } : routes)
    const server = new Server(running)
    this.servers.push(server)
    return server
  }

  /** Asserts that the case leaves nothing behind: no active stream, and a host that closes. */
  async clear(): Promise<void> {
    for (const server of this.servers) await server.clear()
  }
}

/** A started host, as a case sees it. */
export class Server {
  private readonly clients: ContractClient[] = []
  private closing: Promise<void> | undefined

  constructor(private readonly running: RunningHost) {}

  get port(): number {
    return this.running.port
  }

  get http2(): boolean {
    return this.running.http2 === true
  }

  async connect(options?: RawClientOptions): Promise<ContractClient> {
    const client = await (this.http2 ? Http2Client : RawClient).connect(this.port, options)
    this.clients.push(client)
    return client
  }

  /** Asks on a connection of its own. */
  async get(path = '/', request?: RawRequest, options?: RawClientOptions): Promise<RawResponse> {
    const client = await this.connect(options)
    return client.get(path, request)
  }

  close(options?: { readonly graceMs: number }): Promise<void> {
    return (this.closing ??= within(this.running.close(options), 'the host should close'))
  }

  async clear(): Promise<void> {
    for (const client of this.clients) client.leave()
    const { running } = this
    await until(() => (running.stats?.().activeStreams ?? 0) === 0, 'no stream should stay active')
    await this.close()
  }
}
