import type { StreamErrorCode } from './errors.ts'
import type { RingErrorCode } from './ring/errors.ts'
import type { TopicErrorCode } from './topic/errors.ts'
import type { ProducerErrorCode } from './worker/errors.ts'

/** Every code that this package gives to an error. */
export type StreamingErrorCode = StreamErrorCode | RingErrorCode | TopicErrorCode | ProducerErrorCode
