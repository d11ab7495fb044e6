import type { BusMessage } from '../bus/bus.ts'
import { encodeParts, type Serialize, type SseEvent, type SseItem } from '../encode.ts'
import { sseError } from '../errors.ts'

/**
 * An item as a bus carries it.
 *
 * @throws what `encodeEvent()` throws, and `CZ_SSE_CHANNEL_ID` for an item that brings an id.
 * @internal
 */
export function toMessage(item: SseItem, serialize: Serialize, key: string | undefined): BusMessage {
  if (typeof item === 'object' && item !== null && item.id !== undefined) {
    throw sseError('CZ_SSE_CHANNEL_ID', 'A channel gives its events their ids; leave id out, and put yours into data')
  }
  const { text, idAt } = encodeParts(item, serialize)
  const form = typeof item === 'string' ? 'text' : 'data' in item && typeof item.data !== 'string' ? 'json' : 'event'
  return key === undefined ? { text, idAt, form } : { text, idAt, form, key }
}

/** What a topic holds of an event: its frame, and the item for those who filter. */
export class Entry<Item> {
  constructor(
    readonly frame: string,
    private readonly form: BusMessage['form'],
    private readonly deserialize: (text: string) => unknown,
    private original: Item | undefined,
  ) {}

  /** As it was published; where that was elsewhere, made again of what came. */
  get item(): Item {
    return (this.original ??= revive(this.frame, this.form, this.deserialize) as Item)
  }
}

/** The reverse of our own encoder, which writes one space after each colon and LF only; no parser of other people's streams. */
function revive(frame: string, form: BusMessage['form'], deserialize: (text: string) => unknown): SseItem {
  const event: { data?: unknown; event?: string; retry?: number; comment?: string } = {}
  let data: string | undefined
  for (const line of frame.slice(0, -2).split('\n')) {
    const colon = line.indexOf(':')
    const value = line.slice(colon + 2)
    const name = line.slice(0, colon)
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (name === 'event') event.event = value
    else if (name === 'retry') event.retry = Number(value)
    else if (name === '') event.comment = event.comment === undefined ? value : `${event.comment}\n${value}`
  }
  if (form === 'text') return data ?? ''
  if (data !== undefined) event.data = form === 'json' ? deserialize(data) : data
  return event satisfies SseEvent
}
