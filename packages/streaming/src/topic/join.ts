import type { ItemEncoder, ResolvedOptions } from '../options.ts'
import type { ResolvedSubscribeOptions } from './options.ts'

/** A topic, as a sink sees it that keeps a mirror of its log. */
export interface MirroredTopic {
  readonly log: { readonly newest: number }
  readonly mirrors: Set<LogMirror>
  readonly counts: { dropped: number; coalesced: number; evicted: number }
}

/** What a sink keeps of a topic for those who have joined it there. */
export interface LogMirror {
  /** @param superseded the sequence that the frame brings up to date; 0 for none. */
  publish(item: unknown, frame: string | Uint8Array, superseded: number): void
  /** Whoever has had everything is through. */
  close(): void
  abort(reason: unknown): void
  /** What is held is the end of the log, from the frame on that waits for whoever is farthest behind. */
  stats(): { readonly subscribers: number; readonly heldFrames: number; readonly heldBytes: number }
}

/** How a stream reads a topic. */
export interface JoinTerms {
  readonly subscribe: ResolvedSubscribeOptions<never>
  readonly stream: ResolvedOptions
  /** What its client is told by a shutdown. */
  readonly farewell: ItemEncoder<never>['farewell'] | undefined
}

/** Who goes on in a sink, and does what the sink cannot. */
export interface JoinedStream {
  /** The topic is closed, and everything sent. */
  through(): void
  /** It breaks off. */
  stop(outcome: 'timeout' | 'source-error', reason: unknown): void
}
