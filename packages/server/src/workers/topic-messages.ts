import { deserialize, serialize } from 'node:v8'

/** An item with its key as it crosses threads: text without a key is itself, everything else is serialised. */
export type Parcel = string | Uint8Array

/** How much of the past a topic keeps, as its options say. */
export interface Retention {
  readonly frames: number
  readonly bytes: number
  readonly ageMs: number
}

/** What a worker tells the owner of the topics. A topic has a number that its worker gives it; two of one name have two. */
export type ToTopicOwner =
  | readonly [topic: number, what: 'join', name: string, retention: Retention]
  | readonly [topic: number, what: 'item', item: Parcel]
  | readonly [topic: number, what: 'close']
  | readonly [topic: number, what: 'abort', reason: Parcel]
  /** Is there more than this worker has? */
  | readonly [topic: number, what: 'sync']

/** What the owner tells a worker, in the order of the sequences. */
export type FromTopicOwner =
  /** Before anything else: the first item that follows comes behind this sequence. */
  | readonly [topic: number, what: 'begin', newest: number]
  | readonly [topic: number, what: 'item', item: Parcel]
  | readonly [topic: number, what: 'close']
  | readonly [topic: number, what: 'abort', reason: Parcel]
  /** The answer to `sync`, behind everything that there was. */
  | readonly [topic: number, what: 'synced']

/** What messages cost while nobody takes them; both ends count alike. */
export function weightOf(messages: readonly FromTopicOwner[]): number {
  return messages.reduce(
    (sum, [, , payload]) =>
      sum + MESSAGE_BYTES + (typeof payload === 'object' || typeof payload === 'string' ? payload.length : 0),
    0,
  )
}

const MESSAGE_BYTES = 64

/** @throws {DOMException} `DataCloneError` for what cannot be copied. */
export function pack(item: unknown, key?: unknown): Parcel {
  return typeof item === 'string' && key === undefined ? item : serialize(key === undefined ? [item] : [item, key])
}

export function unpack(parcel: Parcel): { readonly item: unknown; readonly key: unknown } {
  if (typeof parcel === 'string') return { item: parcel, key: undefined }
  const [item, key] = deserialize(parcel) as [unknown, unknown]
  return { item, key }
}

/** For what failed somewhere else: an error without what cannot be copied. */
export function packReason(reason: unknown): Parcel {
  try {
    return pack([reason])
  } catch {
    return pack([new Error(String(reason))])
  }
}

export function unpackReason(parcel: Parcel): unknown {
  return (unpack(parcel).item as [unknown])[0]
}
