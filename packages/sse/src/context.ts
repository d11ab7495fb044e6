import type { StreamRequest } from '@catzilla/streaming'

/** What a function that makes a source gets to know of its client. */
export class SseContext {
  /** The request that the stream answers. */
  readonly request: StreamRequest

  /** @internal */
  constructor(request: StreamRequest) {
    this.request = request
  }

  /** The `id` of the last event that this client saw before it reconnected; `null` on a first connection. */
  get lastEventId(): string | null {
    return decodeLastEventId(this.request.headers.get('last-event-id'))
  }

  /** Fires when the client has gone, or the stream is stopped. */
  get signal(): AbortSignal {
    return this.request.signal
  }
}

/**
 * Clients send the id as UTF-8, and hosts hand fields over as Latin-1, a character for each byte. What is no UTF-8 stays as it
 * came: some client sent Latin-1, or the host has decoded it already. Empty is the same as none: a client with no id sends no field.
 *
 * @internal
 */
export function decodeLastEventId(field: string | null): string | null {
  if (field === null || field === '') return null
  const bytes = new Uint8Array(field.length)
  let all = 0
  for (let i = 0; i < field.length; i++) {
    const code = field.charCodeAt(i)
    bytes[i] = code
    all |= code
  }
  if (all < 0x80 || all > 0xff) return field
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return field // Not UTF-8.
  }
}
