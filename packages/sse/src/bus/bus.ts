/** Carries the events of channels between processes: one order for all, and a past for those who come later. */
export interface Bus {
  /**
   * Stores messages at the end of a log: all of them in their order, or none. Resolves when they are stored, with the position of
   * the last.
   */
  append(log: string, messages: readonly BusMessage[], retain: BusRetention): Promise<BusPosition>
  /** Gives what a log retains and then what comes, until the following is closed. */
  follow(log: string, follower: BusFollower): BusFollowing
  /** Whether a log has been written and is still there. */
  exists(log: string): Promise<boolean>
  /** Forgets a log when nothing is appended to it for this long; `0` forgets it now. */
  expire(log: string, ms: number): Promise<void>
  /** Lets go of connections and timers. */
  close(): Promise<void>
}

/** What a bus carries: plain data. */
export interface BusMessage {
  /** An event as it goes out, without its id. */
  readonly text: string
  /** Where in `text` the id belongs. */
  readonly idAt: number
  /** What the publisher gave: text, an event with text, or one whose data was serialized. */
  readonly form: 'text' | 'event' | 'json'
  /** The state that it brings up to date. */
  readonly key?: string
  /** A word between the ends of a run, and no event. */
  readonly control?: string
}

/**
 * Where a message stands. Within an epoch numbers count up by one, so that a gap is seen by everybody. Another epoch is another
 * life of the log: what was before is lost.
 */
export interface BusPosition {
  readonly epoch: string
  readonly number: number
}

/** How much of a log is kept; each bound holds. */
export interface BusRetention {
  readonly events: number
  readonly bytes: number
  readonly ageMs: number
  /** The log is forgotten when nothing is appended for this long; without it, the bus decides. */
  readonly idleMs?: number
}

/** Who follows a log. All of these are called in the order of the log. */
export interface BusFollower {
  message(position: BusPosition, message: BusMessage): void
  /** All that was stored when the following began has been given. */
  ready(): void
  /** Nothing can be read at the moment; it is tried again. */
  error(error: unknown): void
}

export interface BusFollowing {
  /** Resolves when all that was stored at the time of the call has been given. */
  catchUp(): Promise<void>
  close(): void
}
