import { serverError } from './errors.ts'
import type { RequestBody } from './transport/transport.ts'

const EMPTY = new Uint8Array(0)

/** A byte order mark is dropped, and what is not UTF-8 replaced, as `Request.text()` does. */
const lenientText = new TextDecoder()
/** RFC 8259 §8.1: JSON is UTF-8; anything else would be guessed at. */
const strictText = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a body into memory.
 *
 * @throws (rejects) `CZ_BODY_TOO_LARGE` beyond `limit`: before the first byte is read where the length is declared.
 */
export async function collectBody(body: RequestBody | undefined, limit: number): Promise<Uint8Array> {
  if (body === undefined) return EMPTY
  if (body.length !== undefined && body.length > limit) throw tooLarge(body, limit)
  const parts: Uint8Array[] = []
  let length = 0
  for (let part = await body.read(); part !== undefined; part = await body.read()) {
    length += part.byteLength
    if (length > limit) throw tooLarge(body, limit)
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : joinBytes(parts, length)
}

/** A body as a web stream. Nothing is read ahead of its reader; leaving it early refuses the rest. */
export function streamBody(body: RequestBody | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await body?.read()
        if (bytes === undefined) controller.close()
        else controller.enqueue(bytes)
      },
      cancel: () => body?.cancel(),
    },
    { highWaterMark: 0 },
  )
}

export function decodeText(bytes: Uint8Array): string {
  return lenientText.decode(bytes)
}

/** @throws {SyntaxError} `CZ_BODY_JSON` (400) for what is not UTF-8 or not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(strictText.decode(bytes))
  } catch (error) {
    throw serverError('CZ_BODY_JSON', 'The body of the request is no valid JSON', error)
  }
}

function joinBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.byteLength
  }
  return joined
}

function tooLarge(body: RequestBody, limit: number): Error {
  body.cancel()
  const has = body.length === undefined ? 'more' : `${body.length}`
  return serverError('CZ_BODY_TOO_LARGE', `The body of the request may have ${limit} bytes and has ${has}`)
}
