import {
  createEngine,
  listen,
  listenShared,
  type EngineHandler,
  type NativeEngine,
  type Release,
  type RequestHead,
} from '@catzilla/core-native'
import type { StreamEnd } from '@catzilla/streaming'
import type { ServerLimits } from '../options.ts'
import type { EngineListener } from './engine-listener.ts'
import { bindWith } from './native-address.ts'
import { NativeAudience } from './native-audience.ts'
import { NativeExchange } from './native-exchange.ts'
import { keepTopics } from './native-topics.ts'
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
  private readonly exchanges: (EngineListener | undefined)[] = []
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
    keepTopics(this.engine, this.exchanges)
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

  stopAudiences(end: Omit<StreamEnd, 'committed'>): void {
    const joined = this.engine.joined()
    for (let at = 0; at < joined.length; at += 2) {
      const listener = this.exchanges[joined[at]!]
      if (listener instanceof NativeAudience) listener.sayFarewell(joined[at]!, joined[at + 1]!, end)
    }
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
    this.find(slot, generation)?.drain()
  }

  halfClosed(slot: number, generation: number): void {
    this.find(slot, generation)?.halfClosed()
  }

  failed(slot: number, generation: number): void {
    this.find(slot, generation)?.fail(slot)
  }

  lost(slot: number, generation: number): void {
    this.find(slot, generation)?.lose(slot)
  }

  released(slot: number, generation: number, why: Release): void {
    this.find(slot, generation)?.released(slot, generation, why)
  }

  missed(slot: number, generation: number, count: number): void {
    this.find(slot, generation)?.missed(slot, generation, count)
  }

  allClosed(): void {
    this.finalStats = this.stats()
    this.engine.end()
    this.closed()
  }

  private find(slot: number, generation: number): EngineListener | undefined {
    const listener = this.exchanges[slot]
    return (listener?.generation ?? generation) === generation ? listener : undefined
  }
}
