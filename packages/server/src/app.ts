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
import { selectTransport } from './transport/select.ts'
import type { ServerExchange, Transport, TransportName, TransportStats } from './transport/transport.ts'

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

  /** @internal */
  constructor(private readonly settings: ResolvedAppOptions) {}

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
   * Starts to serve.
   *
   * @throws (rejects) `CZ_SERVER_LISTENING` if the app listens already or was closed, `CZ_SERVER_TRANSPORT` if the transport
   * that was asked for does not load, and the system's error (`EADDRINUSE`, `EACCES`), after which it can be tried again.
   */
  listen(init: ListenInit = {}): Promise<Address> {
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
   */
  close({ graceMs = 10_000 }: CloseInit = {}): Promise<void> {
    return (this.closing ??= this.shutDown(graceMs))
  }

  /** What the app does and holds at the moment. The loop is watched from the first call on. */
  stats(): AppStats {
    const { transport } = this
    return {
      transport: transport?.name,
      ...(transport?.stats() ?? NO_STATS),
      activeStreams: this.deliveries.size,
      loop: (this.loop ??= new LoopWatch()).read(),
    }
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
    const { port: wantedPort = 0 } = init
    if (!Number.isInteger(wantedPort) || wantedPort < 0 || wantedPort > 65_535) {
      throw serverError('CZ_SERVER_OPTION', `port must be an integer from 0 to 65535 (got ${show(wantedPort)})`)
    }
    const { transport: wanted, limits, logger } = this.settings
    const transport = await selectTransport(wanted, limits, logger)
    const { host, port } = await transport.listen({ port: wantedPort, host: init.host }, this.accept)
    this.transport = transport
    return { host, port, url: urlOf(host, port), transport: transport.name }
  }

  private async shutDown(graceMs: number): Promise<void> {
    await this.listening?.catch(() => {})
    const { transport, deliveries } = this
    if (transport === undefined) return
    const closed = transport.close()
    this.loop?.stop()
    const stop = setTimeout(() => (deliveries.size === 0 ? transport.destroy() : deliveries.stopAll()), graceMs)
    const cut = setTimeout(() => transport.destroy(), graceMs + STOP_MS)
    await closed
    clearTimeout(stop)
    clearTimeout(cut)
    await Promise.race([deliveries.empty(), pause(STOP_MS)])
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

  private report({ method, path }: ServerRequest, { outcome, error }: StreamEnd): void {
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
const LISTEN: Required<ListenInit> = { port: 0, host: '' }
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

function urlOf(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Does not keep the process alive. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
