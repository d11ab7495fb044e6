import { deserialize, serialize } from 'node:v8'
import { serverError } from '../errors.ts'
import { copyPlain, NOT_PLAIN } from './plain-copy.ts'

/**
 * An item with its key as it crosses threads, and as it is kept: a copy, as the publisher may go on to change its own. Plain data
 * is left to the structured clone of a whole batch, which costs a seventh of serialising each item; the rest is serialised.
 */
export type Parcel =
  | readonly [what: 'item', bytes: number, item: unknown, key?: unknown]
  | readonly [what: 'packed', bytes: number, packed: Uint8Array]

/** How much of the past a topic keeps, as its options say. */
export interface Retention {
  readonly frames: number
  readonly bytes: number
  readonly ageMs: number
}

/** What a worker tells the owner of the topics. A topic has a number that its worker gives it; two of one name have two. */
export type ToTopicOwner =
  | readonly [topic: number, what: 'join', name: string, retention: Retention]
  | readonly [topic: number, ...Parcel]
  | readonly [topic: number, what: 'close']
  | readonly [topic: number, what: 'abort', reason: Uint8Array]
  /** Is there more than this worker has? */
  | readonly [topic: number, what: 'sync']

/** What the owner tells a worker, in the order of the sequences. */
export type FromTopicOwner =
  /** Before anything else: the first item that follows comes behind this sequence. */
  | readonly [topic: number, what: 'begin', newest: number]
  | readonly [topic: number, ...Parcel]
  | readonly [topic: number, what: 'close']
  | readonly [topic: number, what: 'abort', reason: Uint8Array]
  /** The answer to `sync`, behind everything that there was. */
  | readonly [topic: number, what: 'synced']

/** @throws {TypeError} `CZ_WORKER_ITEM` for what cannot be copied. */
export function pack(item: unknown, key?: unknown): Parcel {
  const size = { bytes: 0 }
  const copy = copyPlain(item, size)
  const copyOfKey = copyPlain(key, size)
  if (copy !== NOT_PLAIN && copyOfKey !== NOT_PLAIN) {
    return key === undefined ? ['item', size.bytes, copy] : ['item', size.bytes, copy, copyOfKey]
  }
  const packed = serialized([item, key])
  return ['packed', packed.length, packed]
}

function serialized(value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (error) {
    throw serverError(
      'CZ_WORKER_ITEM',
      'A topic with a name sends its items to other threads; publish plain data',
      error,
    )
  }
}

export function unpack(parcel: Parcel): { readonly item: unknown; readonly key: unknown } {
  if (parcel[0] === 'item') return { item: parcel[2], key: parcel[3] }
  const [item, key] = deserialize(parcel[2]) as [unknown, unknown]
  return { item, key }
}

/** For what failed somewhere else: an error without what cannot be copied. */
export function packReason(reason: unknown): Uint8Array {
  try {
    return serialize(reason)
  } catch {
    return serialize(new Error(String(reason)))
  }
}

export function unpackReason(reason: Uint8Array): unknown {
  return deserialize(reason)
}
