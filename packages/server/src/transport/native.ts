import {
  createEngine,
  listen,
  listenShared,
  type EngineHandler,
  type NativeEngine,
  type RequestHead,
} from '@catzilla/core-native'
import type { ServerLimits } from '../options.ts'
import { bindWith } from './native-address.ts'
import { NativeExchange } from './native-exchange.ts'
import type {
  ListenOptions,
  ServerExchange,
  Transport,
  TransportAddress,
  TransportFactory,
  TransportStats,
} from './transport.ts'

const UINT32_MAX = 0xffff_ffff

/** The transport on the native engine. */
export const nativeTransport: TransportFactory = (limits) => new NativeTransport(limits)

class NativeTransport implements Transport, EngineHandler {
  readonly name = 'native'
  private readonly engine: NativeEngine
  /** By slot. An exchange is found while it can still hear of something; its generation tells it from an earlier one. */
  private readonly exchanges: (NativeExchange | undefined)[] = []
  private onExchange: (exchange: ServerExchange) => void = () => {}
  private whenClosed: Promise<void> | undefined
  private closed: () => void = () => {}
  private finalStats: TransportStats | undefined

  constructor(limits: ServerLimits) {
    const { maxTargetBytes, maxHeadBytes, maxFields, headTimeoutMs, bodyTimeoutMs, keepAliveMs, stallMs } = limits
    this.engine = createEngine(
      {
        maxTargetBytes,
        maxHeadBytes,
        maxFields,
        headTimeoutMs,
        bodyTimeoutMs,
        keepAliveTimeoutMs: keepAliveMs,
        writeTimeoutMs: stallMs,
        maxConnections: Math.min(limits.maxConnections, UINT32_MAX),
        maxBufferedBytes: limits.maxBufferedBytes,
      },
      this,
    )
  }

  async listen(
    { host, port, sharing }: ListenOptions,
    onExchange: (exchange: ServerExchange) => void,
  ): Promise<TransportAddress> {
    this.onExchange = onExchange
    const { engine } = this
    await bindWith(host, (address) => {
      if (sharing?.kind === 'descriptor') listenShared(engine, { sharing: 'descriptor', ...sharing, address, port })
      else listen(engine, address, port, sharing?.kind === 'reuse-port')
    })
    const bound = engine.address()
    return { host: bound.address, port: bound.port }
  }

  close(): Promise<void> {
    return (this.whenClosed ??= new Promise((resolve) => {
      this.closed = resolve
      this.engine.stopListening()
    }))
  }

  destroy(): void {
    this.engine.resetAll()
  }

  stats(): TransportStats {
    if (this.finalStats !== undefined) return this.finalStats
    const { connections, exchanges, requestsTotal, bytesWritten, ...more } = this.engine.stats()
    const { stalls, bufferedBytes, bufferedPeak, poolBytes, slotsReserved, slotBytes, allocator } = more
    return {
      connections,
      activeExchanges: exchanges,
      requests: requestsTotal,
      bytesWritten,
      engine: {
        backend: this.engine.backend,
        stalls,
        bufferedBytes,
        bufferedPeak,
        poolBytes,
        slabBytes: slotsReserved * slotBytes,
        slotBytes,
      },
      allocator,
    }
  }

  // ── EngineHandler ──

  request(slot: number, generation: number, head: RequestHead): void {
    const exchange = new NativeExchange(this.engine, this.exchanges, slot, generation, head)
    this.exchanges[slot] = exchange
    this.onExchange(exchange)
  }

  bodyReadable(slot: number, generation: number): void {
    this.find(slot, generation)?.bodyReadable()
  }

  drained(slot: number, generation: number): void {
    this.find(slot, generation)?.drained()
  }

  halfClosed(slot: number, generation: number): void {
    this.find(slot, generation)?.halfClosed()
  }

  failed(slot: number, generation: number): void {
    this.find(slot, generation)?.fail()
  }

  lost(slot: number, generation: number): void {
    this.find(slot, generation)?.lose()
  }

  allClosed(): void {
    this.finalStats = this.stats()
    this.engine.end()
    this.closed()
  }

  private find(slot: number, generation: number): NativeExchange | undefined {
    const exchange = this.exchanges[slot]
    return exchange?.generation === generation ? exchange : undefined
  }
}
