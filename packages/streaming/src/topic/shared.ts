import type { FrameLog, Retention } from './frame-log.ts'

/** What is done to a topic, wherever its sequences come from. */
export interface TopicOwner {
  publish(item: unknown, key: unknown): number
  close(): void
  abort(reason: unknown): void
  /** Calls back when this thread has what was published anywhere until now. Without it, this thread always has. */
  sync?(then: () => void): void
}

/**
 * A topic of one thread, as who joins it with those of other threads sees it. Its calls change this thread's topic alone; once
 * there is an `owner`, what the application calls goes to that one.
 *
 * @internal
 */
export interface TopicPart extends TopicOwner {
  readonly name: string
  readonly retention: Retention
  readonly log: Pick<FrameLog<unknown>, 'newest' | 'oldest' | 'size' | 'get'>
  /** Takes the place of an item that cannot be encoded: its sequence has an empty frame. */
  skip(item: unknown): void
  owner?: TopicOwner
}

/** Where topics with a name are found, whichever copy of this package made them. */
const TOPICS = Symbol.for('catzilla.topics')

/**
 * A server with several threads puts something of its own in the place of the set.
 *
 * @internal
 */
export function shareTopic(part: TopicPart): TopicPart {
  const host = globalThis as { [TOPICS]?: { add(part: TopicPart): void } }
  ;(host[TOPICS] ??= new Set<TopicPart>()).add(part)
  return part
}
