import { peerLateError } from '../deadlines.ts'
import type { JoinTerms } from './join.ts'
import { evictedError } from './subscriber.ts'

/** Why a sink gave a stream back that had joined a topic there. */
export type JoinedFailure = 'evicted' | 'late'

/** The error with which such a stream breaks off: the one that it would have met in the pump. */
export function joinedFailure(why: JoinedFailure, { subscribe, stream }: JoinTerms): Error {
  return why === 'late' ? peerLateError(stream.deadlines.stallMs ?? 0) : evictedError(subscribe)
}
