import type { Logger } from '../logger.ts'
import { serverError } from '../errors.ts'
import { Turn } from './turn.ts'
import { pack, packReason, unpack, unpackReason, type FromTopicOwner, type ToTopicOwner } from './topic-messages.ts'
import { append, keepTopics, type TopicKeeper, type TopicPart } from './topic-registry.ts'

/**
 * The topics with a name of a worker. What is published goes to their owner on the main thread, and comes from there, in the
 * order of the sequences.
 */
export class TopicLink implements TopicKeeper {
  private readonly parts: TopicPart[] = []
  private readonly turn: Turn<ToTopicOwner>
  /** Topics that do not know yet where they begin. */
  private beginning = 0
  private whenReady: (() => void) | undefined
  /** Answers come in the order of the questions. */
  private readonly syncing: (() => void)[] = []

  constructor(
    private readonly logger: Logger,
    send: (messages: readonly ToTopicOwner[]) => void,
  ) {
    this.turn = new Turn(send)
    keepTopics(this)
  }

  /** @throws `CZ_WORKER_TOPIC` for a topic that has sequences of its own already. */
  add(part: TopicPart): void {
    const { name, retention, log } = part
    if (log.newest > 0) {
      throw serverError('CZ_WORKER_TOPIC', `The topic ${name} was published to too early; call catzilla() before`)
    }
    const number = this.parts.push(part) - 1
    this.beginning++
    this.turn.add([number, 'join', name, retention])
    part.owner = {
      publish: (item, key) => {
        this.turn.add([number, ...pack(item, key)])
        return 0
      },
      close: () => this.turn.add([number, 'close']),
      abort: (reason) => this.turn.add([number, 'abort', packReason(reason)]),
      sync: (then) => {
        this.syncing.push(then)
        this.turn.add([number, 'sync'])
      },
    }
  }

  /** Resolves when every topic that there is has what its owner keeps. */
  ready(): Promise<void> {
    if (this.beginning === 0) return Promise.resolve()
    return new Promise((resolve) => (this.whenReady = resolve))
  }

  receive(messages: readonly FromTopicOwner[]): void {
    for (const message of messages) this.apply(message)
    if (this.beginning === 0) this.whenReady?.()
  }

  /** Sends what was published, before the worker ends. */
  flush(): void {
    this.turn.flush()
  }

  private apply(message: FromTopicOwner): void {
    const [number, ...rest] = message
    const part = this.parts[number]!
    switch (rest[0]) {
      case 'begin':
        part.log.newest = rest[1]
        this.beginning--
        return
      case 'item':
      case 'packed': {
        const { item, key } = unpack(rest)
        const failed = (error: unknown) => this.logger.error('an item of topic %s cannot be encoded:', part.name, error)
        return append(part, item, key, failed)
      }
      case 'synced':
        return this.syncing.shift()!()
      case 'close':
        return part.close()
      case 'abort':
        return part.abort(unpackReason(rest[1]))
    }
  }
}
