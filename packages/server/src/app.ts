import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import type { StreamEnd } from '@catzilla/streaming'
import { show } from '@catzilla/streaming/format'
import { Deliveries } from './delivery.ts'
import { HttpError, serverError } from './errors.ts'
import { answerOf, statusOf } from './failure.ts'
import { LoopWatch, type LoopStats } from './loop-watch.ts'
import { refuseUnknown, resolveOptions, type AppOptions, type ResolvedAppOptions } from './options.ts'
import { ServerRequest } from './request.ts'
import { isAnswer, TEXT, toAnswer, type Answerable } from './result.ts'
import type { PathParams } from './router/pattern.ts'
import { MALFORMED, Router } from './router/router.ts'
import { selectReservation, selectTransport } from './transport/select.ts'
import type {
  ListenOptions,
  ServerExchange,
  Transport,
  TransportAddress,
  TransportName,
  TransportStats,
} from './transport/transport.ts'
import { RESTARTS } from './workers/back-off.ts'
import { SERVE } from './workers/context.ts'
import { moduleUrl } from './workers/module.ts'
import { sumStats } from './workers/sum-stats.ts'
import { Supervisor } from './workers/supervisor.ts'
import { WorkerServer } from './workers/worker-server.ts'

/** What answers a request. What it returns is the answer, now or when a promise of it resolves. */
export type Handler<Pattern extends string = string, Result = unknown> = (
  req: ServerRequest<PathParams<Pattern>>,
) => Result

/** Answers for an error, or returns `undefined` to leave it to the default. */
export type ErrorHandler = (error: unknown, req: ServerRequest) => unknown

export interface ListenInit {
  /**
   * `0` lets the system choose.
   * @defaultValue 0
   */
  port?: number
  /** @defaultValue all interfaces, IPv6 and IPv4 */
  host?: string
  /**
   * Threads that serve this address, each with a loop, an engine and an app of its own; this one then only starts them, and again
   * those that crash. `'auto'` takes one for each core, or this thread alone (with a warning) where the system cannot share an
   * address among threads; a number is given or refused.
   * @defaultValue this thread alone
   */
  workers?: number | 'auto'
  /**
   * The module whose default export is the app, as a path or a URL: `import.meta.url`, or `__filename`. Each worker loads it; what
   * it passes to `listen()` there binds nothing and gives the server's address.
   * @defaultValue the program that Node was started with
   */
  module?: string | URL
  /** Bounds on each worker's heap; one that goes beyond is started again. @see `resourceLimits` of `node:worker_threads` */
  resourceLimits?: ResourceLimits
}

export interface Address {
  readonly host: string
  readonly port: number
  /** Where a client on this machine reaches the server. */
  readonly url: string
  readonly transport: TransportName
}

export interface CloseInit {
  /**
   * Milliseconds that running answers may take before they are broken off.
   * @defaultValue 10000
   */
  graceMs?: number
}

export interface AppStats extends TransportStats {
  /** `undefined` before `listen()`. */
  readonly transport: TransportName | undefined
  /** Streams that are being sent, or whose source is being released. */
  readonly activeStreams: number
  /** How busy the event loop was since the last call. */
  readonly loop: LoopStats
}

/** Figures of all threads of a server, added up. Of `loop`, the mean utilization and the worst lag; `allocator` is of the process. */
export interface TotalStats extends AppStats {
  /** Those of each worker that has answered. What a worker counted before it crashed is gone. */
  readonly workers: readonly AppStats[]
  /** How often a worker was started again. */
  readonly restarts: number
}

/** Between stopping what runs and cutting what is left: sources are released, and the last frames leave. */
const STOP_MS = 500

const NO_STATS: TransportStats = {
  connections: 0,
  activeExchanges: 0,
  requests: 0,
  bytesWritten: 0,
  engine: undefined,
  allocator: undefined,
}

/**
 * Makes an app: routes, and a server for them.
 *
 * @example
 * ```ts
 * const app = catzilla()
 * app.get('/hello/:name', (req) => `Hello, ${req.params.name}\n`)
 * app.get('/count', function* () {
 *   for (let i = 0; i < 1_000_000; i++) yield `${i}\n`
 * })
 * const { url } = await app.listen({ port: 3000 })
 * ```
 * @throws {TypeError} `CZ_SERVER_OPTION` for an unknown or impossible option.
 */
export function catzilla(options?: AppOptions): App {
  return new App(resolveOptions(options))
}

export class App {
  private readonly router = new Router<Handler>()
  private loop: LoopWatch | undefined
  private readonly deliveries = new Deliveries<ServerRequest, Failure | undefined>({
    failedEarly: (exchange, req, reason, error) => this.fail(exchange, req, reason, error),
    sent: (req, end) => this.report(req, end),
  })
  private errorHandler: ErrorHandler | undefined
  private listening: Promise<Address> | undefined
  private transport: Transport | undefined
  private closing: Promise<void> | undefined
  private supervisor: Supervisor | undefined
  /** In a worker of a server. */
  private readonly worker: WorkerServer | undefined
  private served = false

  /** @internal */
  constructor(private readonly settings: ResolvedAppOptions) {
    this.worker = WorkerServer.ofThisThread(settings.logger)
  }

  get<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('GET', pattern, handler)
  }

  post<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('POST', pattern, handler)
  }

  put<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('PUT', pattern, handler)
  }

  patch<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('PATCH', pattern, handler)
  }

  delete<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('DELETE', pattern, handler)
  }

  /** Answers HEAD by itself; a route of GET does so as well, without starting its stream. */
  head<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('HEAD', pattern, handler)
  }

  /** Answers OPTIONS by itself; without it, known paths answer 204 with `Allow`. */
  options<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add('OPTIONS', pattern, handler)
  }

  /** Answers every method that has no route of its own for the path. */
  all<P extends string, R>(pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    return this.add(undefined, pattern, handler)
  }

  /**
   * Registers a route for any method, by name.
   *
   * @throws {TypeError} `CZ_ROUTE_METHOD` if `method` is not an upper-case token, `CZ_ROUTE_PATTERN` for a bad pattern.
   * @throws `CZ_ROUTE_DUPLICATE` for a second route that would match the very same requests.
   */
  route<P extends string, R>(method: string, pattern: P, handler: Handler<P, R> & Answerable<R>): this {
    if (!METHOD.test(method)) {
      throw serverError('CZ_ROUTE_METHOD', `A method is written in upper case, such as 'GET' (got ${show(method)})`)
    }
    return this.add(method, pattern, handler)
  }

  /**
   * Answers for what a handler throws, for a stream that fails before anything of it was sent, and for requests without a
   * route (an `HttpError` of 404 or 405). What `answer` returns is sent with the error's status, unless it brings one of its
   * own; `undefined` leaves it to the default, which tells the client nothing but the status.
   */
  onError(answer: ErrorHandler): this {
    this.errorHandler = answer
    return this
  }

  /**
   * Starts to serve. In a worker that another thread's `listen({ workers })` has started, it does nothing: the worker serves the
   * app that its module exports, and every call gives the address of the server.
   *
   * @throws (rejects) `CZ_SERVER_LISTENING` if the app listens already or was closed, `CZ_SERVER_TRANSPORT` if the transport
   * that was asked for does not load, and the system's error (`EADDRINUSE`, `EACCES`), after which it can be tried again. With
   * `workers`, also `CZ_WORKER_MODULE` if the module exports no app, `CZ_WORKER_CRASHED` with its `cause` if it does not load, and
   * `CZ_WORKER_UNSUPPORTED` if this system cannot do it.
   */
  listen(init: ListenInit = {}): Promise<Address> {
    if (this.worker !== undefined) return Promise.resolve(this.worker.address)
    if (this.listening !== undefined || this.closing !== undefined) {
      const state = this.closing === undefined ? 'listens already' : 'was closed'
      return Promise.reject(
        serverError('CZ_SERVER_LISTENING', `The app ${state}; make another one for another address`),
      )
    }
    this.listening = this.bind(init)
    this.listening.catch(() => (this.listening = undefined))
    return this.listening
  }

  /**
   * Stops: nothing new is accepted, and idle connections close. What runs has `graceMs` to finish; then streams end with the
   * outcome `shutdown`, and what is left is cut. Resolves when nothing is left; calling it again gives the same promise.
   *
   * With `workers` it stops all of them, wherever it is called, and their threads end.
   */
  close({ graceMs = 10_000 }: CloseInit = {}): Promise<void> {
    const { worker } = this
    return (this.closing ??= this.served && worker !== undefined ? worker.close(graceMs) : this.shutDown(graceMs))
  }

  /**
   * What the app does and holds at the moment, in this thread. The loop is watched from the first call on. With `workers`, the
   * thread that started them serves nothing: {@link totalStats} asks them.
   */
  stats(): AppStats {
    const { transport } = this
    return {
      transport: transport?.name,
      ...(transport?.stats() ?? NO_STATS),
      activeStreams: this.deliveries.size,
      loop: (this.loop ??= new LoopWatch()).read(),
    }
  }

  /** The figures of all threads of the server, asked for in any of them. One that does not answer within 2 s is left out. */
  async totalStats(): Promise<TotalStats> {
    if (this.supervisor !== undefined) return this.supervisor.stats()
    if (this.served && this.worker !== undefined) return this.worker.totalStats()
    return sumStats([this.stats()], 0)
  }

  /** Serves this app in a worker. @internal */
  async [SERVE](): Promise<void> {
    const worker = this.worker!
    this.served = true
    const { host, port, transport } = worker.address
    await worker.serve({
      listen: () => this.serve({ host, port, sharing: worker.sharing }, transport),
      close: (graceMs) => this.shutDown(graceMs),
      stats: () => this.stats(),
    })
  }

  private add(method: string | undefined, pattern: string, handler: unknown): this {
    if (typeof handler !== 'function') {
      throw serverError('CZ_ROUTE_HANDLER', `The handler of ${show(pattern)} must be a function (got ${show(handler)})`)
    }
    this.router.add(method, pattern, handler as Handler)
    return this
  }

  private async bind(init: ListenInit): Promise<Address> {
    refuseUnknown(init, LISTEN, 'listen option')
    const { port = 0, host, workers } = init
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw serverError('CZ_SERVER_OPTION', `port must be an integer from 0 to 65535 (got ${show(port)})`)
    }
    const where = { port, host }
    const address = workers === undefined ? undefined : await this.supervise(where, workers, init)
    return address ?? this.serve(where, this.settings.transport)
  }

  /** Serves in this thread. */
  private async serve(where: ListenOptions, name: TransportName | undefined): Promise<Address> {
    const { limits, logger } = this.settings
    const transport = await selectTransport(name, limits, logger)
    const bound = await transport.listen(where, this.accept)
    this.transport = transport
    return addressOf(bound, transport.name)
  }

  /** Serves in other threads; `undefined` where that cannot be had, and need not. */
  private async supervise(
    where: ListenOptions,
    workers: number | 'auto',
    { module, resourceLimits }: ListenInit,
  ): Promise<Address | undefined> {
    if (workers !== 'auto' && !(Number.isInteger(workers) && workers > 0)) {
      throw serverError('CZ_SERVER_OPTION', `workers must be 'auto' or an integer above 0 (got ${show(workers)})`)
    }
    const url = moduleUrl(module)
    const { transport, logger } = this.settings
    const reservation = await selectReservation(transport, where, logger)
    if (reservation === undefined) {
      const message = 'On this system no two threads can serve one address'
      if (workers !== 'auto') {
        throw serverError('CZ_WORKER_UNSUPPORTED', `${message}; take workers: 'auto', or several processes`)
      }
      logger.warn("%s, so workers: 'auto' serves in one", message)
      return undefined
    }
    const address = addressOf(reservation, reservation.transport)
    const supervisor = new Supervisor({
      count: workers === 'auto' ? availableParallelism() : workers,
      module: url,
      resourceLimits,
      address,
      reservation,
      logger,
      restarts: RESTARTS,
      onCloseWanted: (graceMs) => void this.close({ graceMs }),
    })
    this.supervisor = supervisor
    try {
      await supervisor.start()
    } catch (error) {
      this.supervisor = undefined
      throw error
    }
    return address
  }

  private async shutDown(graceMs: number): Promise<void> {
    await this.listening?.catch(() => {})
    const { transport, deliveries, supervisor } = this
    if (supervisor !== undefined) return supervisor.close(graceMs)
    if (transport === undefined) return
    const closed = transport.close()
    this.loop?.stop()
    const stop = setTimeout(() => (deliveries.size === 0 ? transport.destroy() : this.stopStreams(transport)), graceMs)
    const cut = setTimeout(() => transport.destroy(), graceMs + STOP_MS)
    await closed
    clearTimeout(stop)
    clearTimeout(cut)
    await Promise.race([deliveries.empty(), pause(STOP_MS)])
  }

  private stopStreams(transport: Transport): void {
    const reason = serverError('CZ_SERVER_SHUTDOWN', 'The server is shutting down')
    this.deliveries.stopAll(reason)
    transport.stopAudiences?.({ outcome: 'shutdown', error: reason })
  }

  // ── one exchange ───────────────────────────────────────────────────────────────────────────────────────────────────

  private readonly accept = (exchange: ServerExchange): void => {
    const { request } = exchange
    const path = pathOf(request.url)
    const match = this.router.find(request.method, path)
    if (match === undefined || match === MALFORMED) return this.refuse(exchange, path, match)
    const req = new ServerRequest(request, path, match.params, this.settings.bodyLimit)
    let result: unknown
    try {
      result = match.route(req)
    } catch (error) {
      return this.fail(exchange, req, error)
    }
    if (typeof result === 'string') exchange.answer(200, TEXT, result)
    else this.settle(exchange, req, result)
  }

  /** Answers with what a handler returned; after an `error`, with that error's status. */
  private settle(exchange: ServerExchange, req: ServerRequest, result: unknown, error?: Failure): void {
    if (isThenable(result)) {
      result.then(
        (value) => this.settle(exchange, req, value, error),
        (reason: unknown) => this.fail(exchange, req, reason, error),
      )
      return
    }
    let answer: ReturnType<typeof toAnswer>
    try {
      answer = toAnswer(result, error)
    } catch (reason) {
      return this.fail(exchange, req, reason, error)
    }
    if (isAnswer(answer)) return exchange.answer(answer.status, answer.fields, answer.body)
    this.deliveries.start(answer, req, exchange, error)
  }

  /** @param before the error whose answer has failed now: then the plain status is all there is left to say. */
  private fail(exchange: ServerExchange, req: ServerRequest, error: unknown, before?: Failure): void {
    const { logger } = this.settings
    // Nobody is there to be told, and most likely that is what failed.
    if (exchange.lost) return logger.info('%s %s failed when the client had left:', req.method, req.path, error)
    const status = statusOf(error)
    if (status >= 500) logger.error('%s %s failed:', req.method, req.path, error)
    const { errorHandler } = this
    if (errorHandler === undefined || before !== undefined) return answerPlainly(exchange, error)
    let result: unknown
    try {
      result = errorHandler(error, req)
    } catch (reason) {
      return this.fail(exchange, req, reason, { status })
    }
    if (!isThenable(result)) return this.answerError(exchange, req, result, error)
    result.then(
      (value) => this.answerError(exchange, req, value, error),
      (reason: unknown) => this.fail(exchange, req, reason, { status }),
    )
  }

  private answerError(exchange: ServerExchange, req: ServerRequest, result: unknown, error: unknown): void {
    if (result === undefined) answerPlainly(exchange, error)
    else this.settle(exchange, req, result, { status: statusOf(error) })
  }

  private refuse(exchange: ServerExchange, path: string, reason: typeof MALFORMED | undefined): void {
    const { request } = exchange
    const req = new ServerRequest(request, path, {}, this.settings.bodyLimit)
    if (reason === MALFORMED) return this.fail(exchange, req, new HttpError(400))
    const allowed = path === '*' ? this.router.methods() : this.router.methodsOf(path)
    if (allowed.length === 0) return this.fail(exchange, req, new HttpError(404))
    const headers = { allow: allowed.join(', ') }
    if (request.method === 'OPTIONS') exchange.answer(204, Object.entries(headers), undefined)
    else this.fail(exchange, req, new HttpError(405, undefined, { headers }))
  }

  private report({ method, path }: Pick<ServerRequest, 'method' | 'path'>, { outcome, error }: StreamEnd): void {
    const { logger } = this.settings
    if (outcome === 'source-error') logger.error('the stream of %s %s broke off:', method, path, error)
    else if (outcome === 'timeout') logger.warn('the stream of %s %s was stopped:', method, path, error)
    else if (outcome !== 'completed') logger.info('the stream of %s %s ended early: %s', method, path, outcome)
  }
}

/** What is known of an error while its answer is made. */
interface Failure {
  readonly status: number
}

/** RFC 9110 §9.1: methods are case-sensitive, and all that are registered are upper-case. */
const METHOD = /^[A-Z][A-Z-]*$/
const LISTEN: Record<keyof ListenInit, true> = {
  port: true,
  host: true,
  workers: true,
  module: true,
  resourceLimits: true,
}
const SLASH = 47

/** The path of a target, in origin-form or in the absolute-form of a proxy (RFC 9112 §3.2). */
function pathOf(target: string): string {
  const end = target.indexOf('?')
  const path = end === -1 ? target : target.slice(0, end)
  return path.charCodeAt(0) === SLASH ? path : path.replace(/^https?:\/\/[^/]*/i, '') || '/'
}

function answerPlainly(exchange: ServerExchange, error: unknown): void {
  const { status, fields, body } = answerOf(error)
  exchange.answer(status, fields, body)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function addressOf({ host, port }: TransportAddress, transport: TransportName): Address {
  return { host, port, url: urlOf(host, port), transport }
}

function urlOf(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Does not keep the process alive. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
