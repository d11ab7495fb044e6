import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions as NetListenOptions, Socket } from 'node:net'
import type { ServerLimits } from '../options.ts'
import { NodeConnection } from './node-connection.ts'
import type { Expectation, NodeHttpExchange } from './node-exchange.ts'
import type {
  ListenOptions,
  ServerExchange,
  Transport,
  TransportAddress,
  TransportFactory,
  TransportStats,
} from './transport.ts'

/** The types are those of Node 20. */
type NodeListenOptions = NetListenOptions & { readonly reusePort: boolean }

/** How often Node looks for heads that take too long. */
const CHECK_MS = 1_000

/** The transport on `node:http`: for platforms without a native binary, and to compare with. */
export const nodeTransport: TransportFactory = (limits) => new NodeHttpTransport(limits)

class NodeHttpTransport implements Transport {
  readonly name = 'node'
  closing = false
  private readonly server: Server & { httpAllowHalfOpen?: boolean }
  private readonly connections = new Map<Socket, NodeConnection>()
  private onExchange: (exchange: ServerExchange) => void = () => {}
  private whenClosed: Promise<void> | undefined
  private onEmpty: () => void = () => {}
  private requests = 0
  /** By connections that are closed. */
  private bytesWritten = 0

  constructor(readonly limits: ServerLimits) {
    this.server = createServer({
      maxHeaderSize: limits.maxHeadBytes,
      headersTimeout: limits.headTimeoutMs,
      requestTimeout: 0, // It would cut a long upload that makes progress; `NodeBody` has a limit for one that does not.
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: CHECK_MS,
      insecureHTTPParser: false,
      noDelay: true,
    })
    const { server } = this
    server.httpAllowHalfOpen = true
    server.maxHeadersCount = 0 // Node drops fields above its count without a word; `refuse()` answers 431.
    server.timeout = limits.stallMs
    if (limits.maxConnections !== Infinity) server.maxConnections = limits.maxConnections

    server.on('connection', (socket) => this.connected(socket))
    server.on('request', (req, res) => this.requested(req, res, 'nothing'))
    server.on('checkContinue', (req, res) => this.requested(req, res, 'continue'))
    server.on('checkExpectation', (req, res) => this.requested(req, res, 'unknown'))
    server.on('connect', (_req, socket) => this.failedWith(501, new Error('CONNECT'), socket as Socket))
    server.on('error', () => {}) // An accept that failed concerns one connection; the listener goes on.
    server.on('timeout', (socket: Socket) => this.connections.get(socket)?.timedOut())
    server.on('clientError', (error: ParseError, socket) => this.failed(error, socket as Socket))
  }

  listen(
    { host, port, sharing }: ListenOptions,
    onExchange: (exchange: ServerExchange) => void,
  ): Promise<TransportAddress> {
    this.onExchange = onExchange
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      const where: NodeListenOptions = { host, port, reusePort: sharing !== undefined }
      this.server.listen(where, () => {
        this.server.off('error', reject)
        const bound = this.server.address() as AddressInfo
        resolve({ host: bound.address, port: bound.port })
      })
    })
  }

  close(): Promise<void> {
    return (this.whenClosed ??= new Promise((resolve) => {
      this.closing = true
      this.onEmpty = resolve
      this.server.close(() => this.resolveWhenEmpty()) // Also called, with an error, where nothing was listening.
      for (const connection of this.connections.values()) if (!connection.busy) connection.destroy()
    }))
  }

  destroy(): void {
    for (const connection of this.connections.values()) connection.destroy()
  }

  stats(): TransportStats {
    let { bytesWritten } = this
    let activeExchanges = 0
    for (const connection of this.connections.values()) {
      bytesWritten += connection.bytesWritten
      if (connection.busy) activeExchanges++
    }
    return {
      connections: this.connections.size,
      activeExchanges,
      requests: this.requests,
      bytesWritten,
      engine: undefined,
      allocator: undefined,
    }
  }

  start(exchange: NodeHttpExchange): void {
    this.requests++
    this.onExchange(exchange)
  }

  private connected(socket: Socket): void {
    const connection = new NodeConnection(socket, this)
    this.connections.set(socket, connection)
    socket.once('close', () => {
      this.bytesWritten += connection.bytesWritten
      this.connections.delete(socket)
      this.resolveWhenEmpty()
    })
  }

  /** Node counts a connection as gone before the connection itself is told. */
  private resolveWhenEmpty(): void {
    if (this.connections.size === 0 && !this.server.listening) this.onEmpty()
  }

  private requested(req: IncomingMessage, res: ServerResponse, expects: Expectation): void {
    this.connections.get(req.socket)?.request(req, res, expects)
  }

  private failed(error: ParseError, socket: Socket): void {
    if (error.code === 'ECONNRESET') socket.destroy()
    else this.failedWith(statusOf(error, this.limits), error, socket)
  }

  private failedWith(status: number, error: Error, socket: Socket): void {
    const connection = this.connections.get(socket)
    if (connection === undefined || !socket.writable) socket.destroy()
    else connection.failed(status, error)
  }
}

interface ParseError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
}

function statusOf({ code, rawPacket }: ParseError, limits: ServerLimits): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413
  if (code !== 'HPE_HEADER_OVERFLOW') return 400
  const endOfLine = rawPacket?.indexOf('\n') ?? 0
  return endOfLine === -1 || endOfLine > limits.maxTargetBytes ? 414 : 431
}
