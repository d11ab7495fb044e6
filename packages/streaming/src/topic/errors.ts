import { errorFactory } from '../errors.ts'

/** Beside those of `../errors.ts`, so that a stream without a topic does without them. */
const ERRORS = {
  /** The client of a topic's subscriber was too far behind, and its policy is `evict`. */
  CZ_TOPIC_EVICTED: { base: Error },
  /** A producer ran ahead of a subscriber that must miss nothing (policy `block`). Await `topic.drained()`. */
  CZ_TOPIC_AHEAD: { base: RangeError },
} as const

export type TopicErrorCode = keyof typeof ERRORS

/** @internal */
export const topicError = errorFactory(ERRORS)
