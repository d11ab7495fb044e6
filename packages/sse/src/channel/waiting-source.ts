import {
  JOIN,
  toItemIterator,
  type ItemIterator,
  type JoinableSource,
  type StoppableStream,
} from '@catzilla/streaming/format'
import type { StreamRequest } from '@catzilla/streaming'

/**
 * A source that is not known yet. Once it is, items pass through as they are.
 *
 * @internal
 */
export class WaitingSource implements JoinableSource, ItemIterator {
  private items: ItemIterator | undefined
  private stream: StoppableStream | undefined
  private gone = false

  /** @param begin is called when `ready` has come, and what it gives is read at once. */
  constructor(
    private readonly ready: Promise<void>,
    private readonly begin: () => { readonly ahead: string; readonly source: unknown },
    private readonly request: StreamRequest,
  ) {}

  [JOIN](): ItemIterator {
    return this
  }

  next(): ReturnType<ItemIterator['next']> {
    return this.items === undefined ? this.first() : this.items.next()
  }

  return(): unknown {
    this.gone = true
    return this.items?.return?.()
  }

  join(...how: Parameters<NonNullable<ItemIterator['join']>>): ReturnType<NonNullable<ItemIterator['join']>> {
    return this.items?.join?.(...how)
  }

  attach(stream: StoppableStream): void {
    this.stream = stream
  }

  private async first(): Promise<IteratorResult<unknown, unknown>> {
    await this.ready
    if (this.gone) return { done: true, value: undefined }
    const { ahead, source } = this.begin()
    this.items = toItemIterator(source, this.request)
    this.items.attach?.(this.stream!)
    return ahead === '' ? this.items.next() : { done: false, value: ahead }
  }
}
