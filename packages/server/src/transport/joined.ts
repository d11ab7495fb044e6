import { Release } from '@catzilla/core-native'
import type { JoinTerms, StreamItem } from '@catzilla/streaming'
import { joinedFailure } from '@catzilla/streaming/node'
import { outOfMemory } from '../errors.ts'

/** How a stream breaks off that the engine gave back. */
export function failureOf(
  why: Exclude<Release, typeof Release.through>,
  terms: JoinTerms,
  reason: unknown,
): { readonly outcome: 'timeout' | 'source-error'; readonly error: unknown } {
  if (why === Release.failed) return { outcome: 'source-error', error: reason ?? outOfMemory() }
  return { outcome: 'timeout', error: joinedFailure(why === Release.late ? 'late' : 'evicted', terms) }
}

/** What stands in the place of lost frames. */
export function noticeOf({ subscribe }: JoinTerms, count: number): string | Uint8Array | undefined {
  return bytesOf(subscribe.missed?.(count))
}

/** Bytes as the engine takes them. */
export function bytesOf(item: StreamItem | undefined): string | Uint8Array | undefined {
  if (item === undefined || typeof item === 'string' || item instanceof Uint8Array) return item
  return new Uint8Array(item.buffer, item.byteOffset, item.byteLength)
}
