import type { StreamRequest } from '@catzilla/streaming'

/** What a function that makes a source gets to know of its client. */
export class SseContext {
  /** The request that the stream answers. */
  readonly request: StreamRequest

  /** @internal */
  constructor(
    request: StreamRequest,
    private readonly idParam: string | null = null,
  ) {
    this.request = request
  }

  /** The `id` of the last event that this client saw before it reconnected; `null` on a first connection. */
  get lastEventId(): string | null {
    return lastEventIdOf(this.request, this.idParam)
  }

  /** Fires when the client has gone, or the stream is stopped. */
  get signal(): AbortSignal {
    return this.request.signal
  }
}

/**
 * The id that a client goes on from. The field counts before the query: an `EventSource` reconnects with the URL that it was made
 * with, and whose id is then an old one.
 *
 * @internal
 */
export function lastEventIdOf({ headers, url }: StreamRequest, idParam: string | null): string | null {
  const id = decodeLastEventId(headers.get('last-event-id'))
  if (id !== null || idParam === null) return id
  const query = url.indexOf('?')
  if (query === -1) return null
  return new URLSearchParams(url.slice(query + 1)).get(idParam) || null
}

/**
 * Clients send the id as UTF-8, and hosts hand fields over as Latin-1, a character for each byte. What is no UTF-8 stays as it
 * came: some client sent Latin-1, or the host has decoded it already. Empty is the same as none: a client with no id sends no field.
 */
function decodeLastEventId(field: string | null): string | null {
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
