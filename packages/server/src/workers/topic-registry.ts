import type { Retention } from './topic-messages.ts'

/** A topic with a name of this thread: `TopicPart` of `@catzilla/streaming`, in whichever copy of it the topic was made. */
export interface TopicPart {
  readonly name: string
  readonly retention: Retention
  readonly log: {
    newest: number
    readonly oldest: number
    readonly size: number
    get(sequence: number): { readonly item: unknown }
  }
  publish(item: unknown, key: unknown): number
  skip(item: unknown): void
  close(): void
  abort(reason: unknown): void
  owner?: TopicOwner
}

/** To whom the application's calls go. */
export interface TopicOwner {
  publish(item: unknown, key: unknown): number
  close(): void
  abort(reason: unknown): void
  /** Calls back when this thread has what was published anywhere until now. */
  sync?(then: () => void): void
}

/** Who takes in the topics of a thread as they are made. */
export interface TopicKeeper {
  add(part: TopicPart): void
}

const TOPICS = Symbol.for('catzilla.topics')

/** Gives a keeper all topics with a name that this thread has, and will have. */
export function keepTopics(keeper: TopicKeeper): void {
  const host = globalThis as { [TOPICS]?: TopicKeeper | Set<TopicPart> }
  const before = host[TOPICS]
  if (before instanceof Set) for (const part of before) keeper.add(part)
  host[TOPICS] = keeper
}

/** Appends an item of another thread; what cannot be encoded leaves an empty frame, so that the sequences stay the same. */
export function append(part: TopicPart, item: unknown, key: unknown, failed: (error: unknown) => void): void {
  try {
    part.publish(item, key)
  } catch (error) {
    part.skip(item)
    failed(error)
  }
}
