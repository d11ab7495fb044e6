export { createEngine, listen, listenShared, portSharings, releasePort, reservePort } from './engine.ts'
export type { EngineHandler, PortReservation, PortSharing, RequestHead } from './engine.ts'
export type { NativeErrorCode } from './errors.ts'
export { BodyState, Release, TopicPolicy, WriteStatus } from './native-api.ts'
export type {
  AllocatorStats,
  EngineLimits,
  EngineStats,
  NativeEngine,
  Payload,
  TopicName,
  TopicTerms,
} from './native-api.ts'
export { RingBuffer } from '@catzilla/streaming/ring'
export type { RingConsumer, RingKind, RingOptions, RingProducer, RingStatus } from '@catzilla/streaming/ring'
export { NativeRingConsumer, NativeRingProducer } from './ring.ts'
